import { isRefusal } from '../../../src/errors.ts';
import { type Random, randomFrom } from '../mutations.ts';

/** Feeds a reader with random inputs. Each must end in a right value or in a typed refusal. */

/** One way to make inputs. */
export interface InputKind<Value> {
  readonly make: (random: Random) => Uint8Array;
  /** Returns what is wrong with the value of such an input; `undefined` if nothing is. */
  readonly fault: (value: Value, bytes: Uint8Array) => string | undefined;
}

export interface FuzzReader<Value> {
  readonly kinds: readonly InputKind<Value>[];
  readonly read: (bytes: Uint8Array) => Promise<Value>;
}

/** A reader with the type of its values hidden, so that readers can be listed together. */
export interface Fuzzer {
  /** Returns input `i` of a seed. It does not depend on the inputs before. */
  input(seed: number, i: number): Uint8Array;
  /** Tells if the reader took it. @throws Finding for a wrong value and for an error that is not a refusal */
  run(seed: number, i: number): Promise<'read' | 'refused'>;
}

export class Finding extends Error {}

export function fuzzerOf<Value>({ kinds, read }: FuzzReader<Value>): Fuzzer {
  const make = (seed: number, i: number) => {
    const random = randomFrom(Math.imul(seed, 0x9e3779b1) + i);
    random(2); // neighbouring seeds are alike in their first number
    const kind = kinds[random(kinds.length)]!;
    return { kind, bytes: kind.make(random) };
  };
  return {
    input: (seed, i) => make(seed, i).bytes,
    run: async (seed, i) => {
      const { kind, bytes } = make(seed, i);
      let value: Value;
      try {
        value = await read(bytes);
      } catch (error) {
        if (isRefusal(error)) return 'refused';
        throw new Finding(`an error that is not a refusal: ${error instanceof Error ? error.stack : error}`);
      }
      const fault = kind.fault(value, bytes);
      if (fault) throw new Finding(`a wrong value: ${fault}`);
      return 'read';
    },
  };
}

export interface FuzzCounts {
  read: number;
  refused: number;
  /** The slowest input and its milliseconds. */
  slowest: { readonly milliseconds: number; readonly input: number };
}

/** Runs inputs `from` to `count` one by one in this thread. `onInput` is called before each, with the counts so far. */
export async function fuzz(
  fuzzer: Fuzzer,
  { seed, count, from = 0 }: { readonly seed: number; readonly count: number; readonly from?: number },
  onInput: (i: number, before: FuzzCounts) => void = () => undefined,
): Promise<FuzzCounts> {
  const counts: FuzzCounts = { read: 0, refused: 0, slowest: { milliseconds: 0, input: from } };
  for (let i = from; i < count; i++) {
    onInput(i, counts);
    const start = performance.now();
    let outcome: 'read' | 'refused';
    try {
      outcome = await fuzzer.run(seed, i);
    } catch (error) {
      throw new Finding(`input ${i} of seed ${seed}: ${(error as Error).message}`, { cause: { counts, input: i } });
    }
    counts[outcome]++;
    const milliseconds = performance.now() - start;
    if (milliseconds > counts.slowest.milliseconds) counts.slowest = { milliseconds, input: i };
  }
  return counts;
}
