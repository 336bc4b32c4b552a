import * as z from 'zod/mini';
import * as core from 'zod/v4/core';
import { ConfigError, unknownName } from './errors.ts';
import { foundIn, isObject } from './values.ts';

export { foundIn, isObject } from './values.ts';

/** Checks of outside data by zod schemas: configurations, metadata of files, options. The messages are for users. */

/**
 * Returns `value` as the schema reads it, with its defaults filled in.
 *
 * @param what names the value in the message: a file, `--model`, `options of predict`, …
 * @throws ConfigError with one line per fault: the field, what was expected and found, and the nearest known name
 */
export function validate<S extends core.$ZodType>(schema: S, value: unknown, what: string): z.output<S> {
  return checked(schema, value, what, 'key');
}

/** The schema of an AbortSignal, of whatever realm. Marked as pure, so that a bundle of drawing alone leaves zod out. */
export const abortSignal = /* @__PURE__ */ z.custom<AbortSignal>(
  (value) => isObject(value) && typeof value.throwIfAborted === 'function',
  { error: 'must be an AbortSignal' },
);

/**
 * Checks the options of a function and returns them as the schema reads them.
 *
 * @param call the name of the function
 * @throws ConfigError as `validate`
 */
export function validateOptions<S extends core.$ZodType>(schema: S, options: unknown, call: string): z.output<S> {
  return checked(schema, options, `options of ${call}`, 'option');
}

/** The name of a field at the top of a value: an option of a function, or a key of anything else. */
type FieldWord = 'key' | 'option';

function checked<S extends core.$ZodType>(schema: S, value: unknown, what: string, word: FieldWord): z.output<S> {
  // the messages that a schema has itself come before this one's
  const result = core.safeParse(schema, value, { reportInput: true, error: (issue) => inWords(issue as Issue) });
  if (result.success) return result.data;
  const lines = result.error.issues.flatMap((issue) => faultsOf(schema, value, issue, word));
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

type Path = readonly PropertyKey[];
type Issue = core.$ZodIssue;

/** Returns the lines of one issue. A union that failed inside one of its forms has a line for each fault there. */
function faultsOf(schema: core.$ZodType, data: unknown, issue: Issue, word: FieldWord): string[] {
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : '';
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, data, issue.path);
    return issue.keys.map((key) => where + unknownName(where ? 'key' : word, key, known));
  }
  const { input } = issue;
  if (issue.code === 'invalid_union' && issue.message === inWords(issue)) {
    const { discriminator, errors } = issue;
    if (discriminator !== undefined && 'options' in issue) {
      const type = fieldOf(input, discriminator);
      if (typeof type === 'string') return [where + unknownName(discriminator, type, namesOf(issue.options))];
      return [`${where}${issue.message}, got ${foundIn(type)}.`];
    }
    const nearest = nearestForm(issue);
    if (nearest) return nearest.flatMap((inner) => faultsOf(schema, data, inner, word));
    const names = errors.flatMap(([first]) => (first?.code === 'invalid_value' ? namesOf(first.values) : []));
    if (typeof input === 'string' && names.length > 0) {
      const others = errors.flatMap(([first]) => (first && first.code !== 'invalid_value' ? [first.message] : []));
      const also = others.length > 0 ? ` It can also be ${joined(others).replace(/^must be /, '')}.` : '';
      return [where + unknownName('value', input, names) + also];
    }
  }
  if (issue.code === 'invalid_value' && issue.values.length > 1 && typeof input === 'string') {
    return [where + unknownName('value', input, namesOf(issue.values))];
  }
  return [`${where}${issue.message}, got ${foundIn(input)}.`];
}

/** Returns the issues of the form that a value nearly has: one that accepts its type, or that failed inside. */
function nearestForm({ errors, path }: core.$ZodIssueInvalidUnion): Issue[] | undefined {
  const isNear = (issue: Issue) => issue.path.length > 0 || !['invalid_type', 'invalid_value'].includes(issue.code);
  return errors.find((issues) => issues.some(isNear))?.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

type Words = { readonly [C in Issue['code']]: (issue: Extract<Issue, { code: C }>) => string };

/** Says for each kind of issue what a value must be. What was found is added to it. */
const words: Words = {
  invalid_type: ({ expected }) => `must be ${typeWords[expected] ?? expected}`,
  too_small: ({ origin, minimum, inclusive, exact }) =>
    `must ${exact ? exactly(origin, minimum) : bound(origin, inclusive ? 'at least' : 'more than', minimum)}`,
  too_big: ({ origin, maximum, inclusive, exact }) =>
    `must ${exact ? exactly(origin, maximum) : bound(origin, inclusive ? 'at most' : 'less than', maximum)}`,
  not_multiple_of: ({ divisor }) => `must be a multiple of ${divisor}`,
  invalid_format: ({ format, pattern }) => (pattern ? `must match ${pattern}` : `must be a valid ${format}`),
  invalid_value: ({ values }) => `must be ${values.length > 1 ? 'one of ' : ''}${values.map(foundIn).join(', ')}`,
  invalid_union: (issue) =>
    'options' in issue && issue.options
      ? `must be one of ${namesOf(issue.options).join(', ')}`
      : joined(issue.errors.flatMap(([first]) => first?.message ?? [])),
  unrecognized_keys: ({ keys }) => `must not have ${keys.join(', ')}`,
  invalid_key: ({ issues }) => `must have keys that fit: each ${joined(issues.map(({ message }) => message))}`,
  invalid_element: ({ issues }) => `must have entries that fit: each ${joined(issues.map(({ message }) => message))}`,
  custom: () => 'must be valid',
};

const inWords = (issue: Issue): string => (words[issue.code] as (issue: Issue) => string)(issue);

const typeWords: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
  tuple: 'a list',
  function: 'a function',
  nonoptional: 'given',
  undefined: 'left out',
  never: 'left out',
};

const countedWords: Readonly<Record<string, string>> = { string: 'character', array: 'entry', set: 'entry' };

const bound = (origin: string, relation: string, limit: number | bigint): string =>
  origin in countedWords ? `have ${relation} ${counted(origin, limit)}` : `be ${relation} ${limit}`;

const exactly = (origin: string, limit: number | bigint): string =>
  origin in countedWords ? `have exactly ${counted(origin, limit)}` : `be ${limit}`;

function counted(origin: string, count: number | bigint): string {
  const noun = countedWords[origin] ?? 'entry';
  return `${count} ${Number(count) === 1 ? noun : noun.replace(/y$/, 'ie').concat('s')}`;
}

/** Joins what the forms of a value must be: `must be a number, or a list`. */
function joined(messages: readonly string[]): string {
  const [first = words.custom({} as core.$ZodIssueCustom), ...others] = new Set(messages);
  const repeated = /^must be /.test(first) ? /^must be / : /^must /;
  return [first, ...others.map((message) => message.replace(repeated, ''))].join(', or ');
}

const namesOf = (values: readonly unknown[] = []): string[] => values.map(String);

/** Returns the keys that a strict object at `path` knows. */
function keysAt(schema: core.$ZodType, data: unknown, path: Path): string[] {
  const value = path.reduce<unknown>(fieldOf, data);
  const objects = schemasAt(schema, data, path).flatMap((option) =>
    option instanceof core.$ZodObject ? [option] : [],
  );
  return ofItsType(objects, value).flatMap((option) => Object.keys(option._zod.def.shape));
}

/** Returns the schemas that a value at `path` may have. */
function schemasAt(schema: core.$ZodType, data: unknown, path: Path): core.$ZodType[] {
  let schemas = unwrap(schema);
  let value = data;
  for (const step of path) {
    schemas = ofItsType(schemas, value).flatMap((option) => {
      if (option instanceof core.$ZodObject) {
        const field = option._zod.def.shape[step as string];
        return field ? unwrap(field) : [];
      }
      if (option instanceof core.$ZodArray) return unwrap(option._zod.def.element);
      return [];
    });
    value = fieldOf(value, step);
  }
  return schemas;
}

/** Picks the schemas that have the value's `type`; all of them if none has. */
function ofItsType<T extends core.$ZodType>(schemas: readonly T[], value: unknown): readonly T[] {
  const chosen = schemas.filter((option) => typesOf(option).includes(`${fieldOf(value, 'type')}`));
  return chosen.length > 0 ? chosen : schemas;
}

function typesOf(schema: core.$ZodType): string[] {
  const type = schema instanceof core.$ZodObject ? schema._zod.def.shape.type : undefined;
  return type instanceof core.$ZodLiteral ? namesOf(type._zod.def.values) : [];
}

/** Returns the schemas inside defaults, optionals and unions. */
function unwrap(schema: core.$ZodType): core.$ZodType[] {
  if (
    schema instanceof core.$ZodOptional ||
    schema instanceof core.$ZodDefault ||
    schema instanceof core.$ZodPrefault ||
    schema instanceof core.$ZodNullable
  ) {
    return unwrap(schema._zod.def.innerType);
  }
  // a transformation reads what its first schema accepts
  if (schema instanceof core.$ZodPipe) return unwrap(schema._zod.def.in);
  if (schema instanceof core.$ZodUnion) return schema._zod.def.options.flatMap(unwrap);
  return [schema];
}

const fieldOf = (value: unknown, key: PropertyKey): unknown => (isObject(value) ? value[key] : undefined);
