import { movable } from '../../memory.ts';
import type { SessionOptions } from '../onnx/engine.ts';

/**
 * The messages between the two sides of the worker. Sessions stay on its side, and are known by number. So are outputs that only other
 * runs take, until they are read. Other tensors are the caller's: a run borrows its inputs. Memory is moved, and moved back; it is not copied.
 */

/** Places in the memory that both sides see: whether the worker computes, and whether the process ends. */
export const [isBusy, isEnding] = [0, 1];

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export type ElementType = 'float32' | 'int32' | 'bool';

export interface TensorData {
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Data;
}

/** An output of a run: its data, or the number of a tensor that the worker keeps. */
export type Output = readonly [name: string, type: ElementType, dims: readonly number[], memory: Data | number];

/** Returns what a message moves. */
export const memoryOf = (arrays: readonly Data[]): ArrayBuffer[] => movable(arrays.map(({ buffer }) => buffer));

/** What the worker answers to each call. */
export interface Calls {
  /** Loads the runtime. */
  start: { readonly request: Record<never, never>; readonly reply: undefined };
  create: {
    readonly request: {
      readonly model: Uint8Array;
      readonly options: SessionOptions;
      /** Outputs that stay with the worker. */
      readonly kept: readonly string[];
    };
    readonly reply: number;
  };
  run: {
    readonly request: {
      readonly session: number;
      /** Data, or the number of a tensor that the worker keeps. */
      readonly feeds: Readonly<Record<string, TensorData | number>>;
      readonly fetches: readonly string[];
    };
    readonly reply: readonly Output[];
  };
  /** Gives a tensor that the worker has kept to the caller. */
  read: { readonly request: { readonly kept: number }; readonly reply: Data };
  release: { readonly request: { readonly session: number }; readonly reply: undefined };
}

export type Call = keyof Calls;

/** Frees tensors that the worker keeps. It has no answer. */
export interface Free {
  readonly call: 'free';
  readonly kept: readonly number[];
}

export type Message = Free | Request;

export type Request = { readonly [K in Call]: { readonly call: K } & Calls[K]['request'] }[Call];

/**
 * Answers come in the order of the requests. `borrowed` is the data of a run's inputs, which comes back whether the run succeeds or not.
 *
 * They are arrays, not objects: an object that arrives makes a hidden class in the old generation, and V8 begins to trace its whole heap
 * if it allocates there while the memory of outputs is new.
 */
export type Answer = readonly [
  borrowed: readonly (readonly [name: string, data: Data])[],
  value: Calls[Call]['reply'],
  error?: readonly [message: string, code: unknown],
];
