import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isRefusal } from '../../src/errors.ts';
import type { Raster } from '../../src/image/raster.ts';
import { decodeImage } from '../../src/platform/node/decode_image.ts';

/** Cases of the bad-input corpus that are images, driven by its manifest alone. */

export interface ImageCase {
  readonly file: string;
  readonly kind: string;
  readonly class: string;
  readonly wrong: string;
  readonly expect: 'accept' | 'reject' | 'either';
  readonly reason?: string;
  readonly level: 'must' | 'should';
  readonly max_seconds: number;
  readonly max_rss_growth_mb: number;
  readonly equals?: {
    readonly width?: number;
    readonly height?: number;
    readonly rgba8_sha256?: readonly string[];
    readonly reference?: string;
    readonly tolerance?: Tolerance;
    readonly tolerance_tight?: Tolerance;
  };
}

interface Tolerance {
  readonly mean_abs: number;
  readonly max_abs: number;
}

export interface ImageOutcome {
  readonly passed: boolean;
  /** What happened, in a line: the error's text, or what differs. */
  readonly text: string;
  readonly accepted: boolean;
  readonly milliseconds: number;
  /** Whether the pixels are also those of libjpeg-turbo, where the manifest says what that means. */
  readonly tight?: boolean;
}

export const imageKinds = ['png', 'jpeg', 'image-other'];

/** The corpus: `MOGANET_CORPUS`, or the shared one beside the project, if it is there. */
export function corpusFolder(): string | undefined {
  const here = dirname(new URL(import.meta.url).pathname);
  const folder = process.env.MOGANET_CORPUS ?? join(here, '../../../shared/corpus');
  return existsSync(join(folder, 'manifest.json')) ? folder : undefined;
}

export function imageCases(folder: string): ImageCase[] {
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { files: ImageCase[] };
  return manifest.files.filter(({ kind }) => imageKinds.includes(kind));
}

/** Decodes the file and holds the result to the manifest's entry. Never throws for what the library does. */
export async function runImageCase(entry: ImageCase, folder: string): Promise<ImageOutcome> {
  const bytes = new Uint8Array(readFileSync(join(folder, entry.file)));
  const start = performance.now();
  let raster: Raster;
  try {
    raster = await decodeImage(bytes, { name: entry.file });
  } catch (error) {
    const milliseconds = performance.now() - start;
    const text = String(error);
    const typed = isRefusal(error) && error.file === entry.file && error.message.startsWith(entry.file);
    const inTime = milliseconds <= entry.max_seconds * 1000;
    return { passed: typed && inTime && entry.expect !== 'accept', text, accepted: false, milliseconds };
  }
  const milliseconds = performance.now() - start;
  const { difference, tight } = await compare(raster, entry, folder);
  const late = milliseconds > entry.max_seconds * 1000 ? `took ${(milliseconds / 1000).toFixed(1)} s` : undefined;
  const wrong = entry.expect === 'reject' ? 'was read; it must be refused' : (difference ?? late);
  const text = wrong ?? `${raster.width}×${raster.height}`;
  return { passed: wrong === undefined, text, accepted: true, milliseconds, tight };
}

async function compare(raster: Raster, { equals }: ImageCase, folder: string) {
  const { width, height, rgba8_sha256: hashes, reference, tolerance, tolerance_tight: tight } = equals ?? {};
  if ((width ?? raster.width) !== raster.width || (height ?? raster.height) !== raster.height) {
    return { difference: `is ${raster.width}×${raster.height}, expected ${width}×${height}` };
  }
  if (raster.data.length !== raster.width * raster.height * 4) return { difference: 'has a buffer of another size' };
  if (hashes && !hashes.includes(createHash('sha256').update(raster.data).digest('hex'))) {
    return { difference: 'has other pixels' };
  }
  if (!reference || !tolerance) return {};
  const expected = await decodeImage(new Uint8Array(readFileSync(join(folder, reference))));
  let most = 0;
  let sum = 0;
  for (let i = 0; i < raster.data.length; i++) {
    if (i % 4 === 3) continue;
    const error = Math.abs(raster.data[i]! - expected.data[i]!);
    most = Math.max(most, error);
    sum += error;
  }
  const mean = sum / (raster.width * raster.height * 3);
  const within = (t: Tolerance) => mean <= t.mean_abs && most <= t.max_abs;
  const difference = within(tolerance) ? undefined : `differs by ${mean.toFixed(2)} on average, ${most} at most`;
  return { difference, tight: tight && within(tight) };
}
