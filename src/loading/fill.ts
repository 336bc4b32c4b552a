import type { NDArray, Shape, Weights } from '../arrays.ts';
import { shortened } from '../errors.ts';
import { type CheckpointCode, CheckpointRefusal } from '../formats/context.ts';
import { dtypeFacts, type TensorEntry } from '../formats/tensors.ts';
import { listed } from './prefix.ts';

/** A parameter of a model. */
export interface ParameterSpec {
  readonly key: string;
  readonly shape: Shape;
  /** An `ignored` parameter (`num_batches_tracked`, a second name) may be missing in the file, and is never loaded. */
  readonly kind: 'parameter' | 'buffer' | 'ignored';
  /** The key that this one is a second name of. If the file has only the second name, its tensor is taken. */
  readonly aliasOf?: string | undefined;
}

/** Hears of each tensor that is read, and may wait. */
export type OnTensor = (done: number, total: number) => unknown;

/** Differences between file and parameters that are accepted, and a callback for progress. */
export interface FillOptions {
  /** Selects keys of the file that this model does not need, such as those of another head. */
  readonly ignore?: ((key: string) => boolean) | undefined;
  /** Load NaN and infinite weights. By default they are refused, since the model would return NaN. */
  readonly allowNonFinite?: boolean | undefined;
  /** The name of the file in messages. By default "checkpoint". */
  readonly file?: string | undefined;
  /** What to do if the file does not fit, by what is known of it. By default the differences decide. */
  readonly hint?: string | undefined;
  /** Called after each tensor, for progress. If it returns a promise, the next tensor waits for it. */
  readonly onTensor?: OnTensor | undefined;
}

/**
 * Reads all parameters of a model, or throws. Compares keys and shapes before it reads a tensor, and reports everything together that is
 * missing, unexpected, of another shape or not of a floating-point type. Reads tensors one by one, which needs little more memory than the
 * result.
 *
 * @returns 32-bit floats by key, in the order of `parameters`
 * @throws CheckpointRefusal with the first code that applies of `missing`, `shape`, `dtype` and `value`
 */
export async function fillParameters(
  parameters: readonly ParameterSpec[],
  found: ReadonlyMap<string, TensorEntry>,
  options: FillOptions = {},
): Promise<Weights> {
  const { allowNonFinite = false, file = 'checkpoint', onTensor } = options;
  const entries = checkParameters(parameters, found, options);
  const weights = new Map<string, NDArray>();
  const nonFinite: string[] = [];
  const loaded = new Set(parameters.filter(({ kind }) => kind !== 'ignored').map(({ key }) => key));
  for (const key of loaded) {
    const array = await entries.get(key)?.readFloat32();
    if (!array) continue; // never: checkKeys has found every key
    if (!allowNonFinite && !array.data.every(Number.isFinite)) nonFinite.push(key);
    weights.set(key, array);
    await onTensor?.(weights.size, loaded.size);
  }
  if (nonFinite.length > 0) {
    throw new CheckpointRefusal('value', file, '', `NaN or infinite values as 32-bit floats in ${listed(nonFinite)}`);
  }
  return weights;
}

/**
 * Checks that a file has all parameters of a model, by keys, shapes and types. Reads no tensor.
 *
 * @returns the tensors by key, also by the first name of those that the file has under their second name only
 * @throws CheckpointRefusal as `fillParameters`
 */
export function checkParameters(
  parameters: readonly ParameterSpec[],
  found: ReadonlyMap<string, TensorEntry>,
  { ignore = () => false, file = 'checkpoint', hint }: Pick<FillOptions, 'ignore' | 'file' | 'hint'> = {},
): ReadonlyMap<string, TensorEntry> {
  const entries = withSecondNames(parameters, found);
  checkKeys(parameters, entries, { ignore, file, hint });
  return entries;
}

/** Adds the first name of tensors that the file has under their second name only. */
function withSecondNames(
  parameters: readonly ParameterSpec[],
  entries: ReadonlyMap<string, TensorEntry>,
): ReadonlyMap<string, TensorEntry> {
  const known = new Map(entries);
  for (const { key, aliasOf } of parameters) {
    const entry = entries.get(key);
    if (aliasOf !== undefined && entry && !entries.has(aliasOf)) known.set(aliasOf, entry);
  }
  return known;
}

/** Compares keys, shapes and types. @throws CheckpointRefusal */
function checkKeys(
  parameters: readonly ParameterSpec[],
  entries: ReadonlyMap<string, TensorEntry>,
  { ignore, file, hint }: Pick<FillOptions, 'hint'> & Required<Pick<FillOptions, 'ignore' | 'file'>>,
): void {
  const wanted = new Map(parameters.map((parameter) => [parameter.key, parameter]));
  const missing: string[] = [];
  const misshapen: string[] = [];
  const mistyped: string[] = [];
  for (const { key, shape, kind } of wanted.values()) {
    if (kind === 'ignored') continue;
    const entry = entries.get(key);
    if (!entry) missing.push(key);
    else if (entry.shape.join() !== shape.join()) {
      misshapen.push(`${key} ${sizes(entry.shape)} (the model has ${sizes(shape)})`);
    } else if (!dtypeFacts(entry.dtype).float) mistyped.push(`${key} ${entry.dtype}`);
  }
  const unexpected = [...entries.keys()].filter((key) => !wanted.has(key) && !ignore(key));

  const problems: readonly (readonly [CheckpointCode, string, readonly string[]])[] = [
    ['missing', 'missing', missing],
    ['missing', 'unexpected', unexpected],
    ['shape', 'of another shape', misshapen],
    ['dtype', 'not of a floating-point type', mistyped],
  ];
  const found = problems.filter(([, , keys]) => keys.length > 0);
  const [first] = found;
  if (!first) return;
  const reason = found.map(([, what, keys]) => `${keys.length} ${what}: ${listed(keys)}`).join('; ');
  throw new CheckpointRefusal(
    first[0],
    file,
    '',
    `it does not fit the model: ${reason}`,
    hint ?? prefixHint(missing, unexpected) ?? (found.length === 1 ? surplusHint(unexpected) : undefined),
  );
}

/** Says how to load a file that has everything and more. Undefined if it has no surplus keys. */
function surplusHint([first, ...others]: readonly string[]): string | undefined {
  if (first === undefined) return undefined;
  const key = shortened(first);
  const each = others.length > 0 ? ', and so on' : '';
  return (
    'The network of the file has something there that the model lacks: check the configuration. If the numbers are not part of a network, ' +
    `leave them out: { ignore: ['${key}'${each}] } (--ignore ${key}${each} on the command line).`
  );
}

/** Names the prefix that explains all missing keys. Undefined if there is none, so that the usual remedy is shown. */
function prefixHint(missing: readonly string[], unexpected: readonly string[]): string | undefined {
  const extra = surroundingPrefix(missing, unexpected);
  if (extra)
    return `The file's keys begin with "${extra}", the model's do not: { prefix: '${extra}' } (--prefix ${extra} on the command line) takes it off.`;
  const lacking = surroundingPrefix(unexpected, missing);
  return lacking && `The model's keys begin with "${lacking}", the file's do not: it has only that part of the model.`;
}

/** Returns the prefix that turns every key of `inner` into one of `outer`. */
function surroundingPrefix(inner: readonly string[], outer: readonly string[]): string | undefined {
  const [first] = inner;
  if (first === undefined) return undefined;
  const all = new Set(outer);
  return outer
    .filter((key) => key.endsWith(`.${first}`))
    .map((key) => key.slice(0, -first.length))
    .find((prefix) => inner.every((key) => all.has(prefix + key)));
}

const sizes = (shape: Shape) => `[${shape.join(', ')}]`;
