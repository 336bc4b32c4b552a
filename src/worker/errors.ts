import {
  CheckpointError,
  ConfigError,
  DataError,
  DownloadError,
  DroppedError,
  EngineError,
  ImageError,
  isRefusal,
  MoganetError,
  ShapeError,
  UnsupportedError,
} from '../errors.ts';
import { type CheckpointCode, CheckpointRefusal, type ImageCode, ImageRefusal } from '../formats/context.ts';
import { isObject } from '../validate.ts';

/** Errors as data: a structured clone keeps neither the classes of this package nor their fields. */

/** An error on its way to the page. */
export interface ErrorParcel {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  /** The facts of a refusal, and other fields that are texts and numbers. */
  readonly fields: Readonly<Record<string, string | number | boolean>>;
  readonly isRefusal: boolean;
  readonly cause: ErrorParcel | undefined;
}

const classes: Readonly<Record<string, new (message: string, options?: ErrorOptions) => Error>> = {
  MoganetError,
  CheckpointError,
  ConfigError,
  DataError,
  ImageError,
  ShapeError,
  UnsupportedError,
  EngineError,
  DownloadError,
  DroppedError,
  RangeError,
  TypeError,
};

/** Causes of causes, at most. */
const deepest = 5;

/** Returns an error as data, with its cause. */
export function packError(error: unknown, depth = 0): ErrorParcel {
  if (!(error instanceof Error)) {
    const message = Array.isArray(error) ? error.map(textOf).join(' ') : textOf(error);
    return { name: 'Error', message, stack: undefined, fields: {}, isRefusal: false, cause: undefined };
  }
  const { name, message, stack, cause } = error;
  const isPlain = ([key, value]: [string, unknown]) =>
    !['name', 'message', 'stack', 'cause'].includes(key) && ['string', 'number', 'boolean'].includes(typeof value);
  return {
    name,
    message,
    stack,
    fields: Object.fromEntries(Object.entries(error).filter(isPlain)),
    isRefusal: isRefusal(error),
    cause: cause === undefined || depth === deepest ? undefined : packError(cause, depth + 1),
  };
}

const textOf = (value: unknown): string =>
  value instanceof Error ? value.message : isObject(value) ? JSON.stringify(value) : String(value);

/** Returns the error of a parcel in its class, with its fields. */
export function unpackError({ name, message, stack, fields, isRefusal: refuses, cause }: ErrorParcel): Error {
  const options = cause === undefined ? undefined : { cause: unpackError(cause) };
  const Class = Object.hasOwn(classes, name) ? classes[name] : undefined;
  const error = refuses
    ? refusalOf(name, fields, options)
    : Class
      ? new Class(message, options)
      : Object.defineProperty(new Error(message, options), 'name', { value: name });
  error.message = message; // of a refusal in a list, which names its place
  if (!refuses) Object.assign(error, fields);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function refusalOf(name: string, fields: ErrorParcel['fields'], options: ErrorOptions | undefined): Error {
  const { code, file, place, reason, remedy } = fields as Readonly<Record<string, string>>;
  const facts = [`${file}`, `${place}`, `${reason}`, `${remedy}`, options] as const;
  return name === 'ImageError'
    ? new ImageRefusal(code as ImageCode, ...facts)
    : new CheckpointRefusal(code as CheckpointCode, ...facts);
}
