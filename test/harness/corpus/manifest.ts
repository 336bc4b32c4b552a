import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The manifest of the bad-input corpus: the kind of every file and the expected outcome. */

export interface Tolerance {
  readonly mean_abs: number;
  readonly max_abs: number;
}

/** A model as the official code builds it. */
export interface OfficialModel {
  readonly kind: string;
  readonly arch: Readonly<Record<string, unknown>>;
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

export interface CorpusCase {
  readonly file: string;
  readonly kind: string;
  readonly class: string;
  readonly wrong: string;
  readonly expect: 'accept' | 'reject' | 'either';
  readonly reason?: string;
  readonly level: 'must' | 'should';
  /** Limits of one load beyond the start of the process. */
  readonly max_seconds: number;
  readonly max_rss_growth_mb: number;
  /** The expected content of an accepted file. The fields depend on the kind. */
  readonly equals?: {
    readonly width?: number;
    readonly height?: number;
    readonly rgba8_sha256?: readonly string[];
    readonly reference?: string;
    readonly tolerance?: Tolerance;
    readonly tolerance_tight?: Tolerance;
    readonly tensors?: Readonly<Record<string, { shape: readonly number[]; dtype: string; bytes_sha256: string }>>;
    readonly tensor_count?: number;
    readonly must_report?: string;
    readonly model?: OfficialModel;
    readonly same_as?: string;
    readonly images?: number;
    readonly annotations?: number;
    readonly categories?: number;
    readonly crowd?: number;
    /** Pixels of each annotation's mask, by the annotation's id. */
    readonly mask_areas?: Readonly<Record<string, number>>;
    readonly rle_area?: number;
  };
}

/**
 * Returns the folder of the corpus: `MOGANET_CORPUS`, by default the shared one beside the project; undefined if
 * missing.
 */
export function corpusFolder(): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url));
  const folder = process.env.MOGANET_CORPUS ?? join(here, '../../../../shared/corpus');
  return existsSync(join(folder, 'manifest.json')) ? folder : undefined;
}

/** Returns the cases. Those of a model carry it, since only some entries of the manifest repeat it. */
export function corpusCases(folder: string): readonly CorpusCase[] {
  const { files } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: CorpusCase[] };
  const model = files.find(({ equals }) => equals?.model)?.equals?.model;
  return files.map((entry) =>
    entry.kind === 'pth-model' && model ? { ...entry, equals: { model, ...entry.equals } } : entry,
  );
}

/** Tells if its limits are measured in a separate process. */
export const isMeasured = ({ class: kind, reason }: CorpusCase): boolean => kind.includes('bomb') || reason === 'limit';
