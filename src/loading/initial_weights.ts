import { type NDArray, type Shape, sizeOf, type Weights } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { checkDefinition, type ModelDefinition, modelParameters } from '../models/create.ts';
import { foundIn } from '../validate.ts';

/**
 * Returns weights for a model that is yet to be trained, by state-dict key. Convolutions and linear layers begin as in PyTorch
 * (Kaiming-uniform with a = √5, which is ±1 / √inputs; biases 0), norms as identities, and scales of branches small (1e-5, as in
 * MogaNet). The same seed gives the same numbers in any order of the parameters. `writeSafetensors` makes a file of them for `loadModel`.
 *
 * @param seed a whole number
 */
export function initialWeights(definition: ModelDefinition, seed = 0): Weights {
  checkDefinition(definition, 'initialWeights');
  if (!Number.isInteger(seed)) throw new ConfigError(`a seed is a whole number, got ${foundIn(seed)}.`);
  const parameters = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
  return new Map(parameters.map(({ key, shape }) => [key, initialValue(key, shape, seed)]));
}

function initialValue(key: string, shape: Shape, seed: number): NDArray {
  const size = sizeOf(shape);
  const data = new Float32Array(size);
  const isWeight = key.endsWith('weight');
  const isKernel = (isWeight && shape.length > 1) || size > Math.max(...shape);
  if (isKernel) {
    const random = uniform(hashOf(key, seed));
    const [outputs = 1] = shape;
    const bound = Math.sqrt(outputs / size);
    for (let i = 0; i < size; i++) data[i] = (2 * random() - 1) * bound;
  } else if (isWeight || key.endsWith('running_var')) data.fill(1);
  else if (!key.endsWith('bias') && !key.endsWith('running_mean')) data.fill(1e-5);
  return { shape, data };
}

/** Returns the FNV-1a hash of a key over its UTF-16 code units, begun with the seed. */
function hashOf(key: string, seed: number): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** Returns a generator of numbers from 0 (included) to 1 (excluded): mulberry32. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
