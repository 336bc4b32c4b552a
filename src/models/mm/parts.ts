import * as z from 'zod';
import { UnsupportedError } from '../../errors.ts';
import { validate } from '../../validate.ts';

/** Reads parts of an mm model dict by their `type`. An unsupported type is refused by its name. */

const typed = z.looseObject({ type: z.string() });

/**
 * Returns the entry of a table for a type. mm 3.x may prefix it with its registry (`mmdet.MaskRCNN`).
 *
 * @throws UnsupportedError naming the type and what is known
 */
export function byType<T>(table: Readonly<Record<string, T>>, type: string, what: string): T {
  const bare = type.replace(/^(mmdet|mmseg|mmcls|mmpretrain)\./, '');
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
export function parsePart<S extends z.ZodType>(
  schemas: Readonly<Record<string, S>>,
  data: unknown,
  model: string,
  part: string,
): z.output<S> {
  const what = `${model}: ${part}`;
  const { type } = validate(typed, data, what);
  const schema = byType(schemas, type, part);
  return validate(schema, { ...(data as object), type: type.replace(/^.*\./, '') }, what);
}

/** A schema of counts. */
export const count = z.int().positive();
/** A schema of arguments that must be absent. */
export const none = z.null().optional();

/** Drops fields that are undefined, at every depth, so that a configuration has only fields that say something. */
export function written<T>(value: T): T {
  if (Array.isArray(value)) return value.map(written) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, written(field)])) as T;
}
