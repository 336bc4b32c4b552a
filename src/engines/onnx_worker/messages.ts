import type { SessionOptions } from '../onnx/engine.ts';

/**
 * What the two sides of the worker tell each other. Sessions stay on its side, and are known by number. Tensors are the caller's: a run
 * borrows its inputs. Memory is moved, and moved back; it is not copied.
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

/** Returns what a message moves. */
export const memoryOf = (arrays: readonly Data[]): ArrayBuffer[] => [
  ...new Set(arrays.map(({ buffer }) => buffer).filter(({ byteLength }) => byteLength > 0)),
];

/** What the worker answers to each call. */
export interface Calls {
  /** Loads the runtime. */
  start: { readonly request: Record<never, never>; readonly reply: undefined };
  create: {
    readonly request: { readonly model: Uint8Array; readonly options: SessionOptions };
    readonly reply: number;
  };
  run: {
    readonly request: {
      readonly session: number;
      readonly feeds: Readonly<Record<string, TensorData>>;
      readonly fetches: readonly string[];
    };
    readonly reply: Readonly<Record<string, TensorData>>;
  };
  release: { readonly request: { readonly session: number }; readonly reply: undefined };
}

export type Call = keyof Calls;

export type Message = { readonly [K in Call]: { readonly id: number; readonly call: K } & Calls[K]['request'] }[Call];

/** `borrowed` is the data of a run's inputs by name, which comes back whether the run succeeds or not. */
export type Answer = { readonly id: number; readonly borrowed: Readonly<Record<string, Data>> } & (
  | { readonly value: Calls[Call]['reply'] }
  | { readonly error: { readonly message: string; readonly code: unknown } }
);
