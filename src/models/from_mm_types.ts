import * as z from 'zod';
import { UnsupportedError } from '../errors.ts';
import { parseConfig } from './parse_config.ts';

/** Parts of an mm model dict are told apart by their `type`; what we do not read is refused by that name. */

const typed = z.looseObject({ type: z.string() });

/**
 * What a table holds for a type; mm 3.x may write where the type comes from (`mmdet.MaskRCNN`).
 *
 * @throws UnsupportedError naming the type and what is known
 */
export function byType<T>(table: Readonly<Record<string, T>>, type: string, what: string): T {
  const bare = type.replace(/^(mmdet|mmseg|mmcls|mmpretrain)\./, '');
  if (Object.hasOwn(table, bare)) return table[bare]!;
  throw new UnsupportedError(`the ${what} "${type}" is not supported. Known: ${Object.keys(table).join(', ')}.`);
}

/**
 * Reads one part by the schema of its type.
 *
 * @param model what the part belongs to, for the message
 * @param part the part's name in the dict
 * @throws UnsupportedError where its type is not in the table, ConfigError where a field does not fit
 */
export function parsePart<S extends z.ZodType>(
  schemas: Readonly<Record<string, S>>,
  data: unknown,
  model: string,
  part: string,
): z.output<S> {
  const what = `${model}: ${part}`;
  const { type } = parseConfig(typed, data, what);
  const schema = byType(schemas, type, part);
  return parseConfig(schema, { ...(data as object), type: type.replace(/^.*\./, '') }, what);
}
