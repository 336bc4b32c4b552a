import { z } from 'zod';
import { ConfigError, nearestName } from '../errors.ts';

/**
 * Checks outside data against a schema.
 *
 * @param what names the data in the message: a file, `--model`, …
 * @throws ConfigError with one line per fault: where, what was found, and the nearest known key
 */
export function parseConfig<S extends z.ZodType>(schema: S, data: unknown, what: string): z.output<S> {
  const result = schema.safeParse(data, { reportInput: true });
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describe(schema, issue));
  throw new ConfigError(`${what}: ${lines.join('\n')}`);
}

function describe(schema: z.ZodType, issue: z.core.$ZodIssue): string[] {
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const hint = nearest ? ` Did you mean "${nearest}"?` : '';
      return `${where}unknown key "${key}". Known: ${known.join(', ')}.${hint}`;
    });
  }
  const found = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input)?.slice(0, 80);
  return [`${where}${issue.message}, got ${found}.`];
}

/** The keys that a strict object at `path` of the schema knows. */
function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let options = unwrap(schema);
  for (const step of path) {
    options = options.flatMap((option) => {
      if (option instanceof z.ZodObject) return step in option.shape ? unwrap(option.shape[step as string]) : [];
      if (option instanceof z.ZodArray) return unwrap(option.element as z.ZodType);
      return [];
    });
  }
  return options.flatMap((option) => (option instanceof z.ZodObject ? Object.keys(option.shape) : []));
}

/** What lies inside defaults, optionals and unions. */
function unwrap(schema: z.ZodType): z.ZodType[] {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodNullable) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unwrap(option as z.ZodType));
  return [schema];
}
