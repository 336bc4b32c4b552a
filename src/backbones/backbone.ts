import type * as z from 'zod/mini';
import type { NDArray, Shape } from '../arrays.ts';
import { ConfigError, unknownName } from '../errors.ts';
import type { Scope, Value } from '../nn/index.ts';

/** A level of the pyramid: `stride` pixels of the image become one of its map. */
export interface Stage {
  readonly channels: number;
  readonly stride: number;
}

/** Turns an image into a pyramid of maps, finest first. Detectors require four stages (C2 to C5). */
export interface Backbone {
  readonly stages: readonly Stage[];
  /** Channels of the image; 3 (red, green, blue) by default. */
  readonly imageChannels?: number;
  /** Records the pyramid of an image N×C×H×W: one map N×channels×⌈H/stride⌉×⌈W/stride⌉ per stage. */
  forward(scope: Scope, image: Value): Value[];
}

/** A backbone whose published form also classifies. Its keys are the pyramid's and those of a last layer. */
export interface ClassifierBackbone extends Backbone {
  /** Records logits N×classes×1×1, and the pyramid that they are made from. */
  classify(scope: Scope, image: Value, classes: number): { logits: Value; pyramid: Value[] };
}

/** A key layout: another publisher's parameter names for a backbone or classifier, as rename rules. */
export interface KeyLayout {
  /** A key that only this layout has. If several layouts match a file, the first counts. */
  readonly has: string;
  /** Matches every key of a file that holds the backbone or classifier alone. Without it, such files are not recognised. */
  readonly whole?: RegExp | undefined;
  /** Tried in order; the first that matches replaces. A `null` replacement leaves the tensor out. */
  readonly rules: readonly (readonly [pattern: RegExp, replacement: string | null])[];
  /** For tensors whose numbers have another order or shape; `pattern` matches our key. */
  readonly transforms?: readonly {
    readonly pattern: RegExp;
    /** Returns the shape that a tensor of the given shape in the file has in this package. */
    readonly shape: (shape: Shape) => Shape;
    /** Returns its numbers in the order of this package. */
    readonly data: (array: NDArray) => NDArray;
  }[];
}

/** A line in the table of backbones: all that the rest of the package knows about one. */
export interface Family<Config extends z.core.$ZodObject = z.core.$ZodObject> {
  /** The name for readers, as its authors write it. */
  readonly title: string;
  /** The schema of its field in a model configuration. */
  readonly config: Config;
  /** Makes the backbone from that field. */
  make(config: z.input<Config>): Backbone;
  /** Other publishers' parameter names. */
  readonly keyLayouts: readonly KeyLayout[];
  /** The smallest useful configuration, for the contract tests. */
  readonly small: z.input<Config> & { readonly type: string };
  /** A configuration of about ResNet-50's size, for comparisons. */
  readonly medium: z.input<Config> & { readonly type: string };
}

/**
 * Returns the arch that a configuration names, or its record.
 *
 * @throws ConfigError with the known names
 */
export function archOf<Arch extends object>(
  family: string,
  archs: Readonly<Record<string, Arch>>,
  arch: string | Arch,
): Arch {
  if (typeof arch !== 'string') return arch;
  const known = Object.hasOwn(archs, arch) ? archs[arch] : undefined;
  if (!known) throw new ConfigError(unknownName(`${family} arch`, arch, Object.keys(archs)));
  return known;
}

/**
 * Turns lists with one entry per stage into rows: `{ dims: [8, 16], depths: [1, 2] }` gives
 * `[{ dims: 8, depths: 1 }, { dims: 16, depths: 2 }]`.
 *
 * @throws ConfigError naming the first list that differs in length from `dims`
 */
export function stageRows<Lists extends { readonly dims: readonly number[] }>(
  family: string,
  lists: Lists & Readonly<Record<string, readonly unknown[]>>,
): { readonly [K in keyof Lists]: Lists[K] extends readonly (infer Item)[] ? Item : never }[] {
  const count = lists.dims.length;
  for (const [name, { length }] of Object.entries(lists)) {
    if (length !== count) throw new ConfigError(`${family}: ${name} has ${length} entries, dims has ${count}.`);
  }
  const row = (i: number) => Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list[i]]));
  // each list has an entry for every stage, and the rows have the names of the lists
  return lists.dims.map((_, i) => row(i)) as ReturnType<typeof stageRows<Lists>>;
}

/** @throws ConfigError if the channels of a stage do not divide into parts of these ratios */
export function checkSplit(family: string, dims: readonly number[], split: readonly number[]): void {
  const parts = split.reduce((sum, part) => sum + part, 0);
  const odd = dims.find((channels) => channels % parts !== 0);
  if (odd)
    throw new ConfigError(`${family}: ${odd} channels do not divide into ${split.join(' : ')} (${parts} parts).`);
}
