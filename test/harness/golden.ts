import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import type { NDArray, Shape, TypedArray } from '../../src/arrays.ts';
import { openSafetensors } from '../../src/formats/safetensors.ts';
import { bytesSource } from '../../src/formats/source.ts';
import { seededInput, seededWeight } from './seeded.ts';

/** Reads golden cases and compares results with them. Salts, shapes and tolerances come from the case's JSON. */

export interface TensorSpec {
  readonly name: string;
  readonly role?: 'input' | 'output';
  readonly shape: Shape;
  readonly dtype: string;
  readonly stored: 'whole' | 'strided';
  readonly step?: number;
  readonly stats?: { readonly min: number; readonly max: number };
  readonly float32_run?: { readonly max_abs: number };
}

export interface GoldenCase {
  readonly name: string;
  /** `kind` in the heads' format, `type` in the backbones'. */
  readonly kind: string;
  readonly folder: string;
  // biome-ignore lint/suspicious/noExplicitAny: the fields differ by kind; each runner knows those of its kind
  readonly json: any;
  readonly tensors: ReadonlyMap<string, TensorSpec>;
  /** Returns the stored values: a whole tensor in its shape, a strided one as a flat list. */
  stored(name: string): Promise<NDArray<TypedArray>>;
}

/** A result that differs from the golden. The text begins with the name of the tensor (the module). */
export class GoldenMismatch extends Error {}

export async function openCase(folder: string, name: string): Promise<GoldenCase> {
  const json = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
  const file = join(folder, json.file ?? `${name}.safetensors`);
  const archive = existsSync(file) ? await openSafetensors(bytesSource(readFileSync(file), file)) : undefined;
  const specs: TensorSpec[] = Array.isArray(json.tensors)
    ? json.tensors
    : Object.entries<Omit<TensorSpec, 'name'>>(json.tensors ?? {}).map(([key, spec]) => ({ name: key, ...spec }));
  return {
    name,
    kind: json.kind ?? json.type,
    folder,
    json,
    tensors: new Map(specs.map((spec) => [spec.name, spec])),
    stored: async (key) => {
      const entry = archive?.tensors.get(key);
      if (!entry) throw new GoldenMismatch(`${key}: the golden file ${file} does not have this tensor`);
      return entry.read();
    },
  };
}

/** Returns an input of the case: the stored one, or one made by the formula that its JSON names. */
export async function inputOf(golden: GoldenCase, name: string): Promise<NDArray> {
  const entries = golden.json.inputs ?? [{ name: 'input', ...golden.json.input }];
  // biome-ignore lint/suspicious/noExplicitAny: JSON
  const entry = entries.find((e: any) => (e.name ?? 'input') === name);
  if (entry?.kind === 'seeded') return seededInput(name, entry.shape, entry);
  return (await golden.stored(name)) as NDArray;
}

/** Makes weights by formula. @param keys of the case, or of the key list that it names */
export function weightsFor(
  keys: readonly (readonly [string, Shape, string?])[],
  options: { salt?: string; gain?: number } = {},
): Map<string, NDArray> {
  return new Map(keys.map(([key, shape]) => [key, seededWeight(key, shape, options)]));
}

/** Returns the largest allowed error: max(20 × the reference's float32 error, 1e-6 × peak). */
export function toleranceOf(spec: TensorSpec): number {
  const peak = spec.stats ? Math.max(Math.abs(spec.stats.min), Math.abs(spec.stats.max)) : 0;
  return Math.max(20 * (spec.float32_run?.max_abs ?? 0), 1e-6 * peak);
}

export interface Difference {
  readonly maxError: number;
  readonly tolerance: number;
}

/** Compares `actual` with the case's tensor `name`. Integers must be equal. */
export async function expectTensor(golden: GoldenCase, name: string, actual: NDArray<TypedArray>): Promise<Difference> {
  const spec = golden.tensors.get(name);
  if (!spec) throw new GoldenMismatch(`${name}: the case ${golden.name} does not list this tensor`);
  const expected = (await golden.stored(name)).data;
  const text = (shape: Shape) => shape.join('×');
  if (text(spec.shape) !== text(actual.shape)) {
    throw new GoldenMismatch(`${name}: shape ${text(actual.shape)}, expected ${text(spec.shape)}`);
  }
  const step = spec.stored === 'strided' ? (spec.step ?? 1) : 1;
  const float = spec.dtype.startsWith('float');
  let peak = 0;
  for (let i = 0; i < expected.length; i++) peak = Math.max(peak, Math.abs(Number(expected[i])));
  const tolerance = float ? Math.max(toleranceOf(spec), 1e-6 * peak) : 0;
  let maxError = 0;
  let at = -1;
  for (let i = 0; i < expected.length; i++) {
    const error = Math.abs(Number(actual.data[i * step]) - Number(expected[i]));
    // written so that a NaN counts as a difference
    if (!(error <= maxError)) {
      maxError = error;
      at = i * step;
      if (Number.isNaN(error)) break;
    }
  }
  if (!(maxError <= tolerance)) {
    throw new GoldenMismatch(
      `${name}: value ${at} is ${actual.data[at]}, expected ${expected[at / step]} ` +
        `(error ${maxError.toExponential(2)}, tolerance ${tolerance.toExponential(2)})`,
    );
  }
  return { maxError, tolerance };
}

const folder = dirname(new URL(import.meta.url).pathname);

/** The goldens shipped with the project: a small set of the same format. */
export const shippedGolden = join(folder, '../golden');

/**
 * Returns the golden folders to run besides the shipped ones: `MOGANET_GOLDEN`, by default the shared set if it exists.
 */
export function goldenFolders(): string[] {
  const named = process.env.MOGANET_GOLDEN?.split(delimiter).filter(Boolean);
  const roots = named ?? [join(folder, '../../../shared/golden')].filter((root) => existsSync(root));
  return roots.flatMap((root) => [root, join(root, 'heads')].filter((path) => existsSync(join(path, 'index.json'))));
}
