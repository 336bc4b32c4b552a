import { ConfigError, unknownName } from '../errors.ts';
import { foundIn, isObject } from '../values.ts';

/** Checks what callers without TypeScript may get wrong, before anything is read. */

const every = ['limit', 'shown', 'signal', 'onProgress'] as const;

const known = {
  evaluateModel: [...every, 'predict', 'observer', 'boxes', 'sigmas'] as const,
  evaluateResults: [...every, 'sigmas'] as const,
  compareResults: [...every, 'type', 'resamples', 'seed', 'confidence', 'sigmas'] as const,
};

type Caller = keyof typeof known;

/** The options with numbers that all of them have. */
interface Limits {
  readonly limit?: number | undefined;
  readonly shown?: number | undefined;
}

/** @throws ConfigError for an option that does not exist or is out of its range, or for something else than a data set */
export function checkCall(caller: Caller, set: unknown, options: Limits): void {
  if (!isObject(set) || typeof set.images !== 'function') {
    throw new ConfigError(
      `${caller} takes the data set that openDataset of moganet/data resolves to, got ${described(set)}.`,
    );
  }
  const names: readonly string[] = known[caller];
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new ConfigError(`options of ${caller}: ${unknownName('option', unknown, names)}`);
  const { limit = 1, shown = 0 } = options;
  for (const [name, value, least] of [['limit', limit, 1] as const, ['shown', shown, 0] as const]) {
    if (Number.isInteger(value) && value >= least) continue;
    throw new ConfigError(`options of ${caller}: ${name} must be a whole number from ${least}, got ${foundIn(value)}.`);
  }
}

/** @throws ConfigError for something else than results with their name */
export function checkResults(caller: Caller, results: unknown): void {
  if (isObject(results) && Array.isArray(results.entries)) return;
  throw new ConfigError(
    `${caller} takes results as { name, entries }, with the entries that parseCocoResults of moganet/data returns, got ${described(results)}.`,
  );
}

/** @throws ConfigError for something else than a model */
export function checkModel(model: unknown): void {
  if (isObject(model) && isObject(model.classes)) return;
  throw new ConfigError(`evaluateModel takes the model that loadModel resolves to, got ${described(model)}.`);
}

const described = (value: unknown): string =>
  isObject(value) && typeof value.then === 'function' ? 'a promise: await it' : foundIn(value);
