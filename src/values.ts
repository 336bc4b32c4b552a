import { shortened } from './errors.ts';

/** Looks at values from outside, without zod: drawing and writing a PNG need no more. */

/** Tells whether a value is an object, whose fields can then be read. */
export const isObject = (value: unknown): value is Readonly<Record<PropertyKey, unknown>> =>
  typeof value === 'object' && value !== null;

/** Says in a message what was found: a plain value as it is written, any other object by its class. */
export function foundIn(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'function') return 'a function';
  if (!isObject(value)) return String(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  if (!isPlain) return `an object of class ${value.constructor?.name}`;
  try {
    return shortened(JSON.stringify(value));
  } catch {
    return 'an object that is not JSON'; // it contains itself, or a bigint
  }
}
