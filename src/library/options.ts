import { type NDArray, sizeOf } from '../arrays.ts';
import { ConfigError, ImageError, nearestName, shortened } from '../errors.ts';
import { checkRaster, type Raster } from '../image/raster.ts';

/** What callers hand in, checked where it enters: JavaScript lets everything pass, and TypeScript what comes from JSON. */

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/** What a message says was found: a value as it is written, or the class of an object. */
function foundIn(value: unknown): string {
  if (typeof value === 'string') return `"${shortened(value)}"`;
  if (!isObject(value)) return typeof value === 'function' ? 'a function' : `${String(value)}`;
  const prototype = Object.getPrototypeOf(value);
  const plain = prototype === Object.prototype || prototype === null || Array.isArray(value);
  return plain ? shortened(JSON.stringify(value)) : `of class ${value.constructor?.name}`;
}

/** A check of one option: what it has to be, where it is not. */
type Check = (value: unknown) => string | undefined;

const demand =
  (what: string, fits: (value: unknown) => boolean): Check =>
  (value) =>
    fits(value) ? undefined : what;

const anything: Check = () => undefined;
const isWhole = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1;
const whole = demand('a whole number of 1 or more', isWhole);
const part = demand('a number from 0 to 1', (value) => typeof value === 'number' && value >= 0 && value <= 1);
const flag = demand('true or false', (value) => typeof value === 'boolean');
const call = demand('a function', (value) => typeof value === 'function');
const oneOf = (...names: readonly string[]): Check =>
  demand(`one of ${names.join(', ')}`, (value) => names.includes(value as string));
const signal = demand('an AbortSignal', (value) => isObject(value) && typeof value.throwIfAborted === 'function');

/** Beyond it no network is run, and an array of the pixels could not be made. */
export const longestEdge = 16_384;

const size = demand(
  `{ height, width } in whole pixels from 1 to ${longestEdge}`,
  (value) => isObject(value) && [value.height, value.width].every((edge) => isWhole(edge) && edge <= longestEdge),
);

/** @throws ConfigError for an option that is not known, naming the nearest, or of a value that it cannot have */
function checkOptions(what: string, options: unknown, checks: Readonly<Record<string, Check>>): void {
  if (options === undefined) return;
  if (!isObject(options)) throw new ConfigError(`the options of ${what} are an object, not ${foundIn(options)}.`);
  const known = Object.keys(checks);
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(checks, name)) {
      const nearest = nearestName(name, known);
      throw new ConfigError(
        `${what} knows no option "${shortened(name)}". Known: ${known.join(', ')}.${nearest ? ` Did you mean "${nearest}"?` : ''}`,
      );
    }
    const wanted = value === undefined ? undefined : checks[name]!(value);
    if (wanted) throw new ConfigError(`${what}: \`${name}\` is ${wanted}, not ${foundIn(value)}.`);
  }
}

const isLabel = (value: unknown): boolean =>
  typeof value === 'string' || (Number.isInteger(value) && (value as number) >= 0);

const predictChecks: Readonly<Record<string, Check>> = {
  score: part,
  iou: part,
  max: whole,
  top: whole,
  classes: demand('a list of names or labels', (value) => Array.isArray(value) && value.every(isLabel)),
  size,
  only: oneOf('instances', 'regions'),
  signal,
};

/** @throws ConfigError */
export const checkPredict = (options: unknown): void => checkOptions('predict', options, predictChecks);

/** @throws ConfigError */
export const checkFeatures = (options: unknown): void => checkOptions('features', options, { size, signal });

const readChecks: Readonly<Record<string, Check>> = {
  backbones: demand('a table of backbones by type', isObject),
  heads: demand('a table of heads by type', isObject),
  ema: flag,
  pull: flag,
  configure: call,
  onProgress: call,
  signal,
  threads: anything, // the platform's engines say what they take
  engine: demand('the name of an engine, or an engine', (value) => typeof value === 'string' || isEngine(value)),
};

const isEngine = (value: unknown): boolean => isObject(value) && typeof value.load === 'function';

const classOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);

/** By class names, so that values of another frame or realm count too. */
const isFile = (value: unknown): boolean =>
  typeof value === 'string' || ['URL', 'Blob', 'File', 'Uint8Array', 'ArrayBuffer'].includes(classOf(value));

const isConfig = (value: unknown): boolean =>
  isObject(value) && isObject(value.backbone) && typeof value.backbone.type === 'string';

/** Of `loadModel` and `readModel`. @throws ConfigError */
export function checkModelRef(ref: unknown, options: unknown): void {
  if (typeof ref !== 'string') {
    if (!isObject(ref) || isFile(ref)) {
      throw new ConfigError(
        `a model is its name, or { config, weights }, not ${foundIn(ref)}. A file alone is { weights: file }.`,
      );
    }
    const names = demand('the name of a model, or a configuration with backbone.type', (value) =>
      typeof value === 'string' ? true : isConfig(value),
    );
    const weights = demand('a file, an address or bytes, or these by module', (value) =>
      isFile(value) ? value !== '' : isObject(value) && Object.values(value).every(isFile),
    );
    checkOptions('a model', ref, { config: names, weights });
  }
  checkOptions('loadModel', options, readChecks);
}

/** @throws ConfigError */
export function checkBackbone(config: unknown, options: unknown): void {
  if (typeof config !== 'string' && !(isObject(config) && typeof config.type === 'string')) {
    throw new ConfigError(
      `createBackbone takes the name of a model, or a configuration with its \`type\`, not ${foundIn(config)}.`,
    );
  }
  const weights = demand('a file, an address or bytes', (value) => isFile(value) && value !== '');
  checkOptions('createBackbone', options, { ...readChecks, weights });
  if (!isObject(options) || options.weights === undefined) {
    throw new ConfigError('createBackbone needs weights: createBackbone(config, { weights: file, address or bytes }).');
  }
}

/** A map for a network. @throws ConfigError saying what it has to be */
export function checkMap({ shape, data }: NDArray): void {
  const fits = Array.isArray(shape) && shape.length === 4 && shape.every(isWhole);
  if (!fits || classOf(data) !== 'Float32Array') {
    throw new ConfigError('an image for a backbone is { shape: [n, 3, height, width], data: Float32Array }.');
  }
  if (data.length === sizeOf(shape)) return;
  throw new ConfigError(`an array of shape [${shape.join(', ')}] has ${sizeOf(shape)} values, not ${data.length}.`);
}

/** @throws ImageError for what is no image */
export function checkImage(image: unknown): void {
  if (isFile(image) && image !== '') return;
  if (isRaster(image)) {
    checkRaster(image);
    return;
  }
  throw new ImageError(
    `an image is a path, an address, the bytes of a file (Uint8Array, ArrayBuffer or Blob), or pixels { width, height, data }, not ${foundIn(image)}.`,
  );
}

/** @throws ImageError where it is no list */
export function checkImages(images: unknown): void {
  if (Array.isArray(images)) return;
  throw new ImageError(`predictBatch takes a list of images, not ${foundIn(images)}. For one there is predict.`);
}

export const isRaster = (image: unknown): image is Raster =>
  isObject(image) && ['data', 'width', 'height'].every((name) => name in image);
