import type { SessionOptions } from '../onnx/engine.ts';

/** What the two sides of the worker tell each other. Sessions and tensors stay on its side, and are known by number. */

/** Places in the memory that both sides see: whether the worker computes, and whether the process ends. */
export const [isBusy, isEnding] = [0, 1];

export type Data = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint8Array<ArrayBuffer>;

export type ElementType = 'float32' | 'int32' | 'bool';

/** A tensor that the worker does not have yet: it keeps it under this number. */
export interface NewTensor {
  readonly tensor: number;
  readonly type: ElementType;
  readonly dims: readonly number[];
  readonly data: Data;
}

/** An output of a run, which the worker keeps. */
export interface Output {
  readonly tensor: number;
  readonly type: string;
  readonly dims: readonly number[];
}

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
      readonly feeds: Readonly<Record<string, NewTensor | number>>;
      readonly fetches: readonly string[];
    };
    readonly reply: Readonly<Record<string, Output>>;
  };
  read: { readonly request: { readonly tensor: number }; readonly reply: Data };
  release: { readonly request: { readonly session: number }; readonly reply: undefined };
}

export type Call = keyof Calls;

/** A call, or word of tensors that nobody uses any more, which has no answer. */
export type Message =
  | { readonly [K in Call]: { readonly id: number; readonly call: K } & Calls[K]['request'] }[Call]
  | { readonly call: 'free'; readonly tensor: number };

export type Answer =
  | { readonly id: number; readonly value: Calls[Call]['reply'] }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: unknown } };
