import {
  bytesSource,
  CheckpointRefusal,
  openCheckpoint,
  tensorsOf,
  writeSafetensors,
} from '../../src/checkpoint/index.ts';
import { type NDArray, ndarray, type TypedArray } from '../../src/ndarray.ts';
import { bytesOf, CallValue, pickleOf, TensorValue, torchLegacy, torchZip, zipOf } from './torch_file.ts';

/** Mutates accepted checkpoints: whatever comes out is read or refused, in little time. */

export interface FuzzResult {
  readonly read: number;
  readonly refused: number;
  readonly slowest: number;
}

export type FuzzReader = 'torch' | 'legacy' | 'safetensors';

/** A generator of 32-bit integers below a bound (mulberry32). */
export function randomFrom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

const lengths = [0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff];

/** Flips, cuts, inserts, repeats, or overwrites a length field; one to four times. */
export function mutated(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  let result = bytes.slice();
  for (let times = 1 + random(4); times > 0 && result.length > 8; times--) {
    const at = random(result.length);
    const kind = random(6);
    if (kind === 0) result[at] = result[at]! ^ (1 << random(8));
    else if (kind === 1) result[at] = random(256);
    else if (kind === 2) result = result.slice(0, at);
    else if (kind === 3) {
      const piece = result.slice(random(result.length)).subarray(0, 1 + random(40));
      const longer = new Uint8Array(result.length + piece.length);
      longer.set(result.subarray(0, at));
      longer.set(piece, at);
      longer.set(result.subarray(at), at + piece.length);
      result = longer;
    } else if (kind === 4)
      result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + 1 + random(20))]);
    else if (at + 4 <= result.length) new DataView(result.buffer).setUint32(at, lengths[random(lengths.length)]!, true);
  }
  return result;
}

/** Makes one input. */
type Generator = (random: (below: number) => number) => Uint8Array;

async function generators(reader: FuzzReader): Promise<readonly Generator[]> {
  const storage = bytesOf(Float32Array.from({ length: 12 }, (_, i) => i));
  const weights = (legacy: boolean) =>
    new Map<string, unknown>([
      [
        'meta',
        new Map<string, unknown>([
          ['epoch', 3],
          ['note', 'text'],
          ['sizes', [1, 0.5, null, true]],
        ]),
      ],
      ['args', new CallValue('argparse', 'Namespace', [], new Map([['lr', 0.1]]))],
      ['a', new TensorValue('0', 'FloatStorage', 12, [3, 4], [4, 1], 0, legacy)],
      ['b', new TensorValue('0', 'FloatStorage', 12, [4, 3], [1, 4], 0, legacy)],
    ]);
  if (reader === 'torch') {
    const whole = torchZip(weights(false), { 0: storage });
    const pickle = pickleOf(weights(false));
    return [
      (random) => mutated(whole, random),
      // changed before the checksum is taken, so that the change reaches the unpickler
      (random) =>
        zipOf([
          { name: 'a/data.pkl', data: mutated(pickle, random) },
          { name: 'a/data/0', data: storage },
        ]),
    ];
  }
  if (reader === 'legacy') {
    const whole = torchLegacy(weights(true), [{ key: '0', count: 12, data: storage }]);
    return [(random) => mutated(whole, random)];
  }
  const tensors = new Map<string, NDArray<TypedArray>>([
    ['a', ndarray([2, 3], new Float32Array(6).fill(1))],
    ['b', ndarray([1], BigInt64Array.of(5n))],
  ]);
  const whole = await writeSafetensors(tensors, { note: 'text' }).bytes();
  return [(random) => mutated(whole, random)];
}

/** @throws what a reader throws that is no refusal, with the input that made it as `cause`. */
export async function fuzzCheckpoints(reader: FuzzReader, count: number, seed: number): Promise<FuzzResult> {
  const random = randomFrom(seed);
  const inputs = await generators(reader);
  const result = { read: 0, refused: 0, slowest: 0 };
  for (let i = 0; i < count; i++) {
    const bytes = inputs[random(inputs.length)]!(random);
    const start = performance.now();
    try {
      const checkpoint = await openCheckpoint(bytesSource(bytes, 'fuzz'));
      for (const { entry } of tensorsOf(checkpoint)) await entry.read();
      result.read++;
    } catch (error) {
      if (!(error instanceof CheckpointRefusal)) {
        throw new Error(`input ${i} of seed ${seed}: ${error}`, {
          cause: { error, hex: Buffer.from(bytes).toString('hex') },
        });
      }
      result.refused++;
    }
    result.slowest = Math.max(result.slowest, performance.now() - start);
  }
  return result;
}
