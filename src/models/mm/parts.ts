import * as z from 'zod';
import { UnsupportedError } from '../../errors.ts';
import { validate } from '../../validate.ts';

/** Parts of an mm model dict, told apart by their `type`. A type that is not read is refused by that name. */

const typed = z.looseObject({ type: z.string() });

/**
 * Returns what a table holds for a type. mm 3.x may write where the type comes from (`mmdet.MaskRCNN`).
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
 * @param model what the part belongs to, for the message
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

/** Schemas that several parts use. */
export const count = z.int().positive();
export const none = z.null().optional();

/** Drops fields that are undefined, at every depth: a configuration reads as somebody would write it. */
export function written<T>(value: T): T {
  if (Array.isArray(value)) return value.map(written) as T;
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(fields.map(([name, field]) => [name, written(field)])) as T;
}
