import * as z from 'zod';
import { ConfigError, nearestName, shortened, unknownName } from '../errors.ts';

/**
 * Checks outside data against a schema.
 *
 * @param what names the data in the message: a file, `--model`, …
 * @throws ConfigError with one line per fault: where, what was found, and the nearest known key or type
 */
export function parseConfig<S extends z.ZodType>(schema: S, data: unknown, what: string): z.output<S> {
  const result = schema.safeParse(data, { reportInput: true });
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => describe(schema, data, issue));
  throw new ConfigError(`${what}: ${lines.join('\n')}`);
}

/** Beyond every size, count and threshold of a model, and still a size that can be worked with. */
const largest = 2 ** 20;

/**
 * Refuses what a schema lets pass and no model has: what is written in a file must not order work without end.
 *
 * @throws ConfigError naming the place of a number beyond 2^20
 */
export function checkNumbers(value: unknown, what: string, path: Path = []): void {
  if (typeof value === 'number' && Math.abs(value) > largest) {
    throw new ConfigError(`${what}: ${path.join('.')}: no number is beyond ${largest}, got ${value}.`);
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, item] of Object.entries(value)) checkNumbers(item, what, [...path, key]);
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

function describe(schema: z.ZodType, data: unknown, issue: Issue): string[] {
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, data, issue.path);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const hint = nearest ? ` Did you mean "${nearest}"?` : '';
      return `${where}unknown key "${shortened(key)}". Known: ${known.join(', ')}.${hint}`;
    });
  }
  if (issue.code === 'invalid_union') {
    const types = knownTypes(schema, data, issue);
    if (types) return [`${where}${types}`];
    const nearest = nearestOption(issue);
    if (nearest) return nearest.flatMap((inner) => describe(schema, data, inner));
  }
  const found = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input)?.slice(0, 80);
  return [`${where}${messageOf(issue)}, got ${found}.`];
}

/** A part of a type that no schema is for. */
function knownTypes(schema: z.ZodType, data: unknown, { discriminator, path }: z.core.$ZodIssueInvalidUnion) {
  if (typeof discriminator !== 'string') return undefined;
  const within = path.at(-1) === discriminator ? path.slice(0, -1) : path;
  const found = within.reduce<unknown>(fieldOf, data);
  const type = fieldOf(found, discriminator);
  if (typeof type !== 'string') return undefined;
  return unknownName(
    discriminator,
    type,
    optionsAt(schema, data, within).flatMap((option) => typesOf(option)),
  );
}

/** Of several forms that a value may have, the one that it nearly has: which failed inside, not at the value itself. */
function nearestOption({ errors, path }: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const nearest = errors.find((issues) => issues.some((issue) => issue.path.length > 0 || 'keys' in issue));
  return nearest?.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

/** A value of none of several forms is told all of them. */
function messageOf(issue: Issue): string {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return issue.message;
  const forms = issue.errors.flatMap(([first]) => (first ? [first.message.replace(/^Invalid \w+: /, '')] : []));
  return `Invalid input: ${forms.join(', or ')}`;
}

/** The keys that a strict object at `path` knows. */
function keysAt(schema: z.ZodType, data: unknown, path: Path): string[] {
  const value = path.reduce<unknown>(fieldOf, data);
  const objects = optionsAt(schema, data, path).flatMap((option) => (option instanceof z.ZodObject ? [option] : []));
  return ofItsType(objects, value).flatMap((option) => Object.keys(option.shape));
}

/** The schemas that may stand at `path`. */
function optionsAt(schema: z.ZodType, data: unknown, path: Path): z.ZodType[] {
  let options = unwrap(schema);
  let value = data;
  for (const step of path) {
    options = ofItsType(options, value).flatMap((option) => {
      if (option instanceof z.ZodObject) return step in option.shape ? unwrap(option.shape[step as string]) : [];
      if (option instanceof z.ZodArray) return unwrap(option.element as z.ZodType);
      return [];
    });
    value = fieldOf(value, step);
  }
  return options;
}

/** Of several objects told apart by `type`, the one that the value says it is. */
function ofItsType<T extends z.ZodType>(options: readonly T[], value: unknown): readonly T[] {
  const chosen = options.filter((option) => typesOf(option).includes(`${fieldOf(value, 'type')}`));
  return chosen.length > 0 ? chosen : options;
}

function typesOf(option: z.ZodType): string[] {
  const type = option instanceof z.ZodObject ? option.shape.type : undefined;
  return type instanceof z.ZodLiteral ? [...type.values].map(String) : [];
}

/** What lies inside defaults, optionals and unions. */
function unwrap(schema: z.ZodType): z.ZodType[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable
  ) {
    return unwrap(schema.unwrap() as z.ZodType);
  }
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => unwrap(option as z.ZodType));
  return [schema];
}

const fieldOf = (value: unknown, key: PropertyKey): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
