import { type Shape, type Size, sizeOf } from '../arrays.ts';
import { ShapeError, unknownName } from '../errors.ts';
import { foundIn, isObject } from '../validate.ts';
import type { Attributes, Axis, Operation } from './ops.ts';

/**
 * What attributes, channels and parameters of each operation may be. They are checked when an operation is recorded, so
 * that a wrong one is the same error for every engine, with the module's path.
 */

/** Returns what a value should have been, undefined if it is that. */
type Check = (value: unknown) => string | undefined;

/** An input of an operation being recorded: a map has channels, a parameter the shape in which operations take it. */
export interface CheckedInput {
  readonly channels?: number | undefined;
  readonly shape?: Shape | undefined;
  readonly view?: Shape | undefined;
}

interface Rule<K extends Operation> {
  readonly attributes: { readonly [A in keyof Attributes[K]]-?: Check };
  /** The shapes of the parameters, in their order. */
  readonly parameters?: (attributes: Attributes[K], channels: Channels) => readonly (Shape | undefined)[];
  /** Returns what does not fit together, undefined if all does. */
  readonly fits?: (attributes: Attributes[K], channels: Channels) => string | undefined;
}

/** The channels of the maps that an operation takes, and of the one that it gives. */
interface Channels {
  readonly first: number;
  readonly maps: readonly number[];
  readonly out: number;
  /** The shapes of the parameters that were given. */
  readonly given: readonly Shape[];
}

/** What the 32-bit whole numbers of engines hold. */
const largest = 2 ** 31 - 1;

/** The longest edge of a window, of bins or of a shift: longer than that of any image. */
const longest = 2 ** 16;

const whole =
  (least: number, most = largest): Check =>
  (value) => {
    if (!Number.isInteger(value) || (value as number) < least) return `a whole number of at least ${least}`;
    return (value as number) <= most ? undefined : `at most ${most}`;
  };

const extents =
  (least: number): Check =>
  (value) => {
    const { height, width } = (value ?? {}) as Partial<Size>;
    const bad = whole(least, longest)(height) ?? whole(least, longest)(width);
    return bad && `${bad} for height and for width`;
  };

const anyWhole: Check = (value) =>
  Number.isInteger(value) && Math.abs(value as number) <= longest ? undefined : `a whole number within ±${longest}`;
const positive: Check = (value) => (Number.isFinite(value) && (value as number) > 0 ? undefined : 'a number above 0');
const notNegative: Check = (value) =>
  Number.isFinite(value) && (value as number) >= 0 ? undefined : 'a number of at least 0';
const either: Check = (value) => (typeof value === 'boolean' ? undefined : 'true or false');
const oneOf =
  (...names: readonly string[]): Check =>
  (value) =>
    names.includes(value as string) ? undefined : names.map((name) => `"${name}"`).join(' or ');
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined ? undefined : check(value);

const axis = oneOf('height', 'width');
const none = { attributes: {} };
const heads = { heads: whole(1) };

const windowed = { kernel: extents(1), stride: extents(1), padding: extents(0) };

const pooled: Pick<Rule<'maxPool'>, 'attributes' | 'fits'> = {
  attributes: windowed,
  fits: ({ kernel, padding }) =>
    2 * padding.height > kernel.height || 2 * padding.width > kernel.width
      ? `a padding of ${padding.height}×${padding.width} is more than half of the kernel ${kernel.height}×${kernel.width}`
      : undefined,
};

/** A parameter for every channel, along an axis of any extent. */
const alongAxis = (along: Axis, leading: readonly [number, number], [given]: readonly Shape[]): Shape => {
  const extent = Math.max(...(given?.slice(2) ?? []), 1);
  return along === 'height' ? [...leading, extent, 1] : [...leading, 1, extent];
};

const thirds = ({ heads: count }: { readonly heads: number }, { first, out }: Channels): string | undefined =>
  first === 3 * out && out % count === 0
    ? undefined
    : `${first} channels are not queries, keys and values of ${count} heads`;

const channelwise =
  (count: number) =>
  (_: unknown, { first }: Channels) =>
    new Array<Shape>(count).fill([first]);

/** Exhaustive: a new operation is checked from its first day. */
export const rules: { readonly [K in Operation]: Rule<K> } = {
  conv2d: {
    attributes: { ...windowed, dilation: extents(1), groups: whole(1) },
    fits: ({ groups }, { first, out }) =>
      first % groups === 0 && out % groups === 0
        ? undefined
        : `${groups} groups do not divide ${first} → ${out} channels`,
    parameters: ({ kernel, groups }, { first, out }) => [[out, first / groups, kernel.height, kernel.width], [out]],
  },
  convTranspose2d: {
    attributes: { ...windowed, outputPadding: extents(0) },
    fits: ({ stride, outputPadding }) =>
      outputPadding.height < stride.height && outputPadding.width < stride.width
        ? undefined
        : `an output padding of ${outputPadding.height}×${outputPadding.width} is not less than the stride ${stride.height}×${stride.width}`,
    parameters: ({ kernel }, { first, out }) => [[first, out, kernel.height, kernel.width], [out]],
  },
  linear: {
    attributes: { inFeatures: whole(1) },
    fits: ({ inFeatures }, { first }) =>
      inFeatures % first === 0 ? undefined : `${inFeatures} features are not pixels of ${first} channels`,
    parameters: ({ inFeatures }, { out }) => [[out, inFeatures], [out]],
  },
  batchNorm: { attributes: { eps: notNegative }, parameters: channelwise(4) },
  groupNorm: {
    attributes: { groups: whole(1), eps: notNegative },
    fits: ({ groups }, { first }) =>
      first % groups === 0 ? undefined : `${groups} groups do not divide ${first} channels`,
    parameters: channelwise(2),
  },
  layerNorm: { attributes: { eps: notNegative }, parameters: channelwise(2) },
  relu: none,
  silu: none,
  sigmoid: none,
  gelu: none,
  hardsigmoid: none,
  hardswish: none,
  scale: { attributes: {}, parameters: (_, { first }) => [[1, first, 1, 1]] },
  add: none,
  sub: none,
  mul: none,
  concat: { attributes: { axis: oneOf('channels', 'batch') } },
  slice: {
    attributes: { start: whole(0), end: whole(1) },
    fits: ({ start, end }, { first }) =>
      start < end && end <= first ? undefined : `channels ${start} to ${end} do not lie within ${first}`,
  },
  globalAvgPool: none,
  adaptiveAvgPool: { attributes: { bins: extents(1) } },
  maxPool: pooled,
  avgPool: pooled,
  resize: {
    attributes: { mode: oneOf('bilinear', 'nearest'), alignCorners: either, factor: optional(whole(1, longest)) },
    fits: ({ factor }, { maps }) =>
      (factor === undefined) === (maps.length === 2) ? undefined : 'it takes either `like` or `factor`',
  },
  roiAlign: {
    attributes: { outputSize: extents(1), spatialScale: positive, samplingRatio: whole(0, longest), aligned: either },
    fits: (_, { maps: [, regions] }) =>
      regions === 5 ? undefined : `regions have 5 columns (image, x1, y1, x2, y2), not ${regions}`,
  },
  padToMultiple: { attributes: { multiple: extents(1) } },
  mergePatches: none,
  windowAttention: {
    attributes: { ...heads, window: whole(1, longest), shift: whole(0, longest), padding: oneOf('first', 'last') },
    fits: (attributes, channels) =>
      attributes.shift < attributes.window
        ? thirds(attributes, channels)
        : `a shift of ${attributes.shift} is not less than the window of ${attributes.window}`,
    parameters: ({ window, heads: count }, { first }) => [[(2 * window - 1) ** 2, count], [first]],
  },
  attention: { attributes: heads, fits: thirds },
  linearAttention: { attributes: heads, fits: thirds },
  mixPositions: {
    attributes: { from: extents(1), to: extents(1) },
    parameters: ({ from, to }) => [[to.height * to.width, from.height * from.width], [to.height * to.width]],
  },
  shift: { attributes: { rows: anyWhole, columns: anyWhole } },
  circularConv2d: {
    attributes: { axis },
    parameters: ({ axis: along }, { first, given }) => [alongAxis(along, [first, 1], given)],
  },
  addAlongAxis: {
    attributes: { axis },
    parameters: ({ axis: along }, { first, given }) => [alongAxis(along, [1, first], given)],
  },
};

/** A rule as it is when any operation may have it: the table pairs each with its own attributes. */
type AnyRule = Rule<'conv2d'> & { readonly attributes: Readonly<Record<string, Check>> };

/** @throws ShapeError that begins with the path and names the operation and the attribute */
export function checkOperation<K extends Operation>(
  path: string,
  op: K,
  inputs: readonly CheckedInput[],
  attributes: Attributes[K],
  out: number,
): void {
  const rule = rules[op] as unknown as AnyRule;
  const values = attributes as unknown as Attributes['conv2d'] & Readonly<Record<string, unknown>>;
  checkOptions(`${path}: ${op}`, values, Object.keys(rule.attributes));
  for (const [name, check] of Object.entries(rule.attributes)) {
    const wanted = check(values[name]);
    if (wanted) throw new ShapeError(`${path}: ${op}: ${name} must be ${wanted}, got ${written(values[name])}.`);
  }
  checkChannels(path, op, out);
  const maps = inputs.flatMap(({ channels, shape }) => (shape ? [] : [channels ?? 0]));
  const given = inputs.flatMap(({ shape, view }) => (shape ? [view ?? shape] : []));
  if (rule.parameters && maps.length > 1) {
    throw new ShapeError(
      `${path}: ${op}: it takes one map, and parameters of a scope after it, got ${maps.length} maps.`,
    );
  }
  const channels: Channels = { first: maps[0] ?? 0, maps, out, given };
  const problem = rule.fits?.(values, channels);
  if (problem) throw new ShapeError(`${path}: ${op}: ${problem}.`);
  const wanted = rule.parameters?.(values, channels) ?? [];
  for (const [i, shape] of given.entries()) {
    if (shape.join() === wanted[i]?.join()) continue;
    throw new ShapeError(
      `${path}: ${op}: parameter ${i + 1} must be of shape [${wanted[i]?.join(', ')}], got [${shape.join(', ')}].`,
    );
  }
}

/** @throws ShapeError if a map has no channels, or a part of one */
export function checkChannels(path: string, op: string, channels: number): void {
  const wanted = whole(1)(channels);
  if (wanted) throw new ShapeError(`${path}: ${op}: channels must be ${wanted}, got ${foundIn(channels)}.`);
}

/** @throws ShapeError if the extents of a parameter are not whole, or it has more values than an engine can address */
export function checkShape(path: string, shape: Shape): void {
  const found = `[${shape.map(foundIn).join(', ')}]`;
  if (!shape.every((extent) => Number.isInteger(extent) && extent >= 1)) {
    throw new ShapeError(`${path}: the shape of a parameter is a list of whole numbers of at least 1, got ${found}.`);
  }
  const values = sizeOf(shape);
  if (values > largest) throw new ShapeError(`${path}: a parameter has at most ${largest} values, got ${found}.`);
}

/** @throws ShapeError for an option that is none of these, with the nearest */
export function checkOptions(what: string, options: unknown, known: readonly string[]): void {
  if (options !== undefined && (!isObject(options) || Array.isArray(options))) {
    throw new ShapeError(`${what}: options are { ${known.join(', ')} }, got ${foundIn(options)}.`);
  }
  for (const name of Object.keys(options ?? {})) {
    if (!known.includes(name)) throw new ShapeError(`${what}: ${unknownName('option', name, known)}`);
  }
}

const written = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? `{ ${Object.entries(value)
        .map(([name, part]) => `${name}: ${part}`)
        .join(', ')} }`
    : foundIn(value);
