import * as z from 'zod/mini';
import type { Stage } from '../../backbones/index.ts';
import { ConfigError, UnsupportedError } from '../../errors.ts';
import { foundIn, isObject, validate } from '../../validate.ts';

/**
 * Reads parts of an mm model dict by their `type`. Every part has a strict schema: an argument is read, or is a literal that any other value
 * is refused by, or is listed as one that inference does not need. An unsupported type is refused by its name.
 */

const typed = z.looseObject({ type: z.string() });

/** The registries that a type may be prefixed with (`mmdet.FPN`), and the packages that hold classes (`mmdet.models.necks.FPN`). */
const scope = /^(mmdet|mmseg|mmpose|mmcls|mmpretrain|mmcv|mmengine)\.([\w.]*\.)?/;

/** Returns a type without its registry or package. */
export const bareType = (type: string): string => type.replace(scope, '');

/** Keys with which mm's files are joined and classes found. They are no arguments. */
const joining = new Set(['_scope_', '_delete_']);
/** Deeper than any configuration. */
const deepest = 64;

/**
 * Returns a part without what does not reach its classes: prefixes of types, and keys for joining files.
 *
 * @throws ConfigError if it is nested deeper than a configuration can be
 */
export function plainPart(value: unknown, depth = 0): unknown {
  if (depth > deepest) throw new ConfigError(`a configuration of mm has at most ${deepest} levels.`);
  if (Array.isArray(value)) return value.map((item) => plainPart(item, depth + 1));
  if (!isObject(value)) return value;
  const fields = Object.entries(value).filter(([key]) => !joining.has(key));
  return Object.fromEntries(
    fields.map(([key, field]) => [
      key,
      key === 'type' && typeof field === 'string' ? bareType(field) : plainPart(field, depth + 1),
    ]),
  );
}

/**
 * Returns the entry of a table for a type. mm 3.x may prefix it with its registry (`mmdet.MaskRCNN`).
 *
 * @throws UnsupportedError naming the type and what is known
 */
export function byType<T>(table: Readonly<Record<string, T>>, type: string, what: string): T {
  const bare = bareType(type);
  const found = Object.hasOwn(table, bare) ? table[bare] : undefined;
  if (found !== undefined) return found;
  throw new UnsupportedError(`the ${what} "${type}" is not supported. Known: ${Object.keys(table).join(', ')}.`);
}

/**
 * Reads one part by the schema of its type.
 *
 * @param model the owner of the part, for the message
 * @param part the part's name in the dict
 * @throws UnsupportedError if its type is not in the table, ConfigError if a field does not fit
 */
export function parsePart<S extends z.ZodMiniType>(
  schemas: Readonly<Record<string, S>>,
  data: unknown,
  model: string,
  part: string,
): z.output<S> {
  const what = `${model}: ${part}`;
  const { type } = validate(typed, data, what);
  return validate(byType(schemas, type, part), plainPart(data), what);
}

/** A schema of counts. */
export const count = z.int().check(z.positive());
/** A schema of arguments that must be absent. */
export const none = z.optional(z.null());
/** A schema of options that must be off. */
export const off = z.nullish(z.literal(false));

type Unneeded<K extends string> = { readonly [Name in K]: z.ZodMiniOptional<z.ZodMiniUnknown> };

/** Returns the fields of arguments that inference does not need: whatever they say, the numbers stay the same. */
export function unneeded<K extends string>(...names: readonly K[]): Unneeded<K> {
  return Object.fromEntries(names.map((name) => [name, z.optional(z.unknown())])) as Unneeded<K>;
}

/** Arguments that every part may have for training. */
export const training = unneeded('init_cfg', 'train_cfg');

/** mmcv's `norm_cfg` of BatchNorm. */
export const batchNorm = z.strictObject({
  type: z.enum(['BN', 'BN2d', 'SyncBN']),
  eps: z.optional(z.number().check(z.positive())),
  affine: z.optional(z.literal(true)),
  track_running_stats: z.optional(z.literal(true)),
  ...unneeded('requires_grad', 'momentum'),
});

/** mmcv's default convolution, which `conv_cfg: null` means as well. */
export const plainConv = z.nullish(z.strictObject({ type: z.enum(['Conv2d', 'Conv']) }));
/** mmcv's `act_cfg` of a ReLU. */
export const reluOnly = z.optional(z.strictObject({ type: z.literal('ReLU'), ...unneeded('inplace') }));

/** A count for both axes, which mm also writes as a pair. */
export const square = z.union([
  count,
  z.pipe(
    z.tuple([count, count]).check(z.refine(([a, b]) => a === b, { error: 'must be equal for both axes' })),
    z.transform(([a]) => a),
  ),
]);

/** A part's dict, and what it gives to the parts that it feeds. */
export interface Source {
  readonly name: string;
  readonly dict: unknown;
  /** The levels that it gives, finest first. */
  readonly levels: readonly Stage[];
}

/** Describes a source by its type and its short arguments, one of which may be what does not fit. */
function described({ name, dict }: Source): string {
  if (!isObject(dict)) return `the ${name} gives`;
  const { type, ...options } = dict;
  const shown = Object.entries(options).flatMap(([key, value]) => {
    const text = value === undefined ? '' : `${key}=${JSON.stringify(value)}`;
    return text.length > 0 && text.length <= 40 ? text : [];
  });
  return `the ${name} ${type}(${shown.join(', ')}) gives`;
}

/** Refuses a field that says something else than the levels of the part that feeds it. @throws ConfigError with both */
export function checkLevels(part: unknown, where: string, field: string, of: keyof Stage, source: Source): void {
  const found = isObject(part) ? part[field] : undefined;
  const all = source.levels.map((level) => level[of]);
  const [first] = all;
  // a list may name the finest levels only
  const expected = Array.isArray(found) && of === 'stride' ? all.slice(0, found.length) : all;
  checkAgrees(part, where, field, typeof found === 'number' ? first : expected, described(source));
}

/**
 * Refuses a field that says something else than the part that feeds it, which would otherwise be found as a misfit of weights.
 *
 * @param where names the part in the message
 * @throws ConfigError with both values
 */
export function checkAgrees(part: unknown, where: string, field: string, expected: unknown, source: string): void {
  const found = isObject(part) ? part[field] : undefined;
  if (found === undefined || found === null) return;
  const isPair = Array.isArray(found) && typeof expected === 'number' && found.length === 2 && found[0] === found[1];
  if (JSON.stringify(isPair ? found[0] : found) === JSON.stringify(expected)) return;
  throw new ConfigError(`${where}: ${field}: is ${foundIn(found)}, but ${source} ${foundIn(expected)}.`);
}

/** Drops fields that are undefined, at every depth, so that a configuration has only fields that say something. */
export function written<T>(value: T): T {
  if (Array.isArray(value)) return value.map(written) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, written(field)])) as T;
}
