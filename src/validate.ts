import * as z from 'zod';
import { ConfigError, shortened, unknownName } from './errors.ts';

/** Checks of outside data by zod schemas: configurations, metadata of files, options. The messages are for users. */

/**
 * Returns `value` as the schema reads it, with its defaults filled in.
 *
 * @param what names the value in the message: a file, `--model`, `predict`, …
 * @throws ConfigError with one line per fault: the field, what was expected and found, and the nearest known name
 */
export function validate<S extends z.ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => faultsOf(schema, value, issue));
  throw new ConfigError(`${what}: ${lines.join('\n')}`);
}

/** Larger than any size, count or threshold of a model, and still a size that can be computed. */
const largest = 2 ** 20;

/**
 * Refuses numbers that no model has, so that a file cannot order endless work.
 *
 * @throws ConfigError with the path of a number beyond ±2^20
 */
export function checkNumbers(value: unknown, what: string, path: Path = []): void {
  if (typeof value === 'number' && Math.abs(value) > largest) {
    throw new ConfigError(`${what}: ${path.join('.')}: must be within ±${largest}, got ${value}.`);
  }
  if (!isObject(value)) return;
  for (const [key, item] of Object.entries(value)) checkNumbers(item, what, [...path, key]);
}

/** Says in a message what was found: a plain value as it is written, any other object by its class. */
export function foundIn(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'function') return 'a function';
  if (!isObject(value)) return String(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return isPlain ? shortened(JSON.stringify(value)) : `an object of class ${value.constructor?.name}`;
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

/** Returns the lines of one issue. A union that failed inside one of its forms has a line for each fault there. */
function faultsOf(schema: z.ZodType, data: unknown, issue: Issue): string[] {
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, data, issue.path);
    return issue.keys.map((key) => where + unknownName('key', key, known));
  }
  if (issue.code === 'invalid_union') {
    const fault = unknownType(schema, data, issue);
    if (fault) return [where + fault];
    const nearest = nearestForm(issue);
    if (nearest) return nearest.flatMap((inner) => faultsOf(schema, data, inner));
  }
  if (issue.code === 'invalid_value' && issue.values.length > 1 && typeof issue.input === 'string') {
    const field = issue.path.findLast((step) => typeof step === 'string') ?? 'value';
    return [where + unknownName(String(field), issue.input, issue.values.map(String))];
  }
  return [`${where}${messageOf(issue)}, got ${foundIn(issue.input)}.`];
}

/** Returns the fault of an object whose `type` no schema of a union has. */
function unknownType(schema: z.ZodType, data: unknown, { discriminator, path }: z.core.$ZodIssueInvalidUnion) {
  if (typeof discriminator !== 'string') return undefined;
  const within = path.at(-1) === discriminator ? path.slice(0, -1) : path;
  const type = fieldOf(within.reduce<unknown>(fieldOf, data), discriminator);
  if (typeof type !== 'string') return undefined;
  return unknownName(discriminator, type, schemasAt(schema, data, within).flatMap(typesOf));
}

/** Returns the issues of the form that a value nearly has: the one that failed inside, not at the value itself. */
function nearestForm({ errors, path }: z.core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const nearest = errors.find((issues) => issues.some((issue) => issue.path.length > 0 || 'keys' in issue));
  return nearest?.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

/** Returns the message of an issue. That of a union without a custom message names all forms. */
function messageOf(issue: Issue): string {
  const told = issue.code !== 'invalid_union' || issue.errors.length === 0 || issue.message !== 'Invalid input';
  if (told) return issue.message;
  const forms = issue.errors.flatMap(([first]) => (first ? [first.message.replace(/^Invalid \w+: /, '')] : []));
  return `Invalid input: ${forms.join(', or ')}`;
}

/** Returns the keys that a strict object at `path` knows. */
function keysAt(schema: z.ZodType, data: unknown, path: Path): string[] {
  const value = path.reduce<unknown>(fieldOf, data);
  const objects = schemasAt(schema, data, path).flatMap((option) => (option instanceof z.ZodObject ? [option] : []));
  return ofItsType(objects, value).flatMap((option) => Object.keys(option.shape));
}

/** Returns the schemas that a value at `path` may have. */
function schemasAt(schema: z.ZodType, data: unknown, path: Path): z.ZodType[] {
  let schemas = unwrap(schema);
  let value = data;
  for (const step of path) {
    schemas = ofItsType(schemas, value).flatMap((option) => {
      if (option instanceof z.ZodObject) return step in option.shape ? unwrap(option.shape[step as string]) : [];
      if (option instanceof z.ZodArray) return unwrap(option.element as z.ZodType);
      return [];
    });
    value = fieldOf(value, step);
  }
  return schemas;
}

/** Picks the schemas that have the value's `type`; all of them if none has. */
function ofItsType<T extends z.ZodType>(schemas: readonly T[], value: unknown): readonly T[] {
  const chosen = schemas.filter((option) => typesOf(option).includes(`${fieldOf(value, 'type')}`));
  return chosen.length > 0 ? chosen : schemas;
}

function typesOf(schema: z.ZodType): string[] {
  const type = schema instanceof z.ZodObject ? schema.shape.type : undefined;
  return type instanceof z.ZodLiteral ? [...type.values].map(String) : [];
}

/** Returns the schemas inside defaults, optionals and unions. */
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

/** Tells whether a value is an object, whose fields can then be read. */
export const isObject = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  typeof value === 'object' && value !== null;

const fieldOf = (value: unknown, key: PropertyKey): unknown => (isObject(value) ? value[key] : undefined);
