import type { NDArray } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import type { Assets } from '../browser_library.ts';
import type { Dataset } from '../datasets/index.ts';
import type { Bitmap } from '../globals.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Raster } from '../image/raster.ts';
import type { BackboneOptions, LoadOptions } from '../library/load.ts';
import type { BatchOptions, FeaturesOptions, PredictOptions } from '../library/options.ts';
import type { ModelRef } from '../loading/resolve.ts';
import type { ModelConfig, ResolvedConfig } from '../models/config.ts';
import type { TaskKind } from '../models/task.ts';
import type { Progress } from '../platform/contract.ts';
import type { FileRef } from '../platform/refs.ts';
import type { FoundPoses } from '../postprocess/found_poses.ts';
import type { RenderOptions } from '../results/drawing.ts';
import type { ErrorParcel } from './errors.ts';

/** What the page and the thread tell each other. Models, backbones and tensors stay with the thread, and are known by number. */

/** An image of the page: what `predict` takes in the thread, or a bitmap or frame that moved there. */
export interface ImageParcel {
  readonly content: Exclude<FileRef, Response> | Raster | Bitmap;
  /** Whether the alpha of a bitmap is dropped, as that of a file is. */
  readonly isOpaque: boolean;
  /** As the caller named it. */
  readonly file: string | undefined;
}

/** The engine of the thread, as facts. */
export interface EngineParcel {
  readonly name: string;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly weakness?: string | undefined;
}

/** What a loaded model says about itself. */
export interface ModelParcel {
  readonly model: number;
  readonly name: string;
  readonly config: ResolvedConfig;
  readonly classes: Readonly<Partial<Record<TaskKind, readonly string[]>>>;
  /** Results refer to these. */
  readonly datasets: Readonly<Partial<Record<TaskKind, Dataset>>>;
  readonly engine: EngineParcel;
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
  readonly sha256: string | undefined;
}

/** The masks of a result: the crops and run lengths of all of them in two arrays. */
export interface MaskParcel {
  /** n × (image height, image width, left, top, height, width, number of runs). */
  readonly crops: Int32Array;
  /** The runs of all masks, one after the other. */
  readonly counts: Uint32Array;
}

/** A result, without what the page knows of the model. */
export interface ResultParcel {
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks: MaskParcel | undefined;
  /** Tasks that ran. */
  readonly tasks: readonly TaskKind[];
  readonly segmentation: { readonly labels: Uint8Array | Uint16Array } | undefined;
  readonly classification: { readonly labels: Int32Array; readonly scores: Float32Array } | undefined;
  /** Without their data set, which is the model's. */
  readonly poses: FoundPoses | undefined;
  readonly custom: unknown;
  readonly image: Raster;
  readonly timings: Readonly<Record<string, number>>;
  readonly bitmap: Bitmap | undefined;
}

/** Options that go along with a call. The signal is a message of its own. */
export type Plain<Options> = Omit<Options, 'signal' | 'onProgress'>;

/** Every call of the page, and the answer to it. */
export interface Calls {
  load: {
    readonly request: { readonly ref: ModelRef; readonly options: Plain<LoadOptions> };
    readonly reply: ModelParcel;
  };
  predict: {
    readonly request: {
      readonly model: number;
      readonly image: ImageParcel;
      readonly options: Plain<PredictOptions>;
      readonly draw: RenderOptions | undefined;
    };
    readonly reply: ResultParcel;
  };
  predictBatch: {
    readonly request: {
      readonly model: number;
      readonly images: readonly ImageParcel[];
      readonly options: Plain<BatchOptions>;
    };
    readonly reply: readonly ResultParcel[];
  };
  features: {
    readonly request: { readonly model: number; readonly image: ImageParcel; readonly options: Plain<FeaturesOptions> };
    readonly reply: { readonly maps: readonly NDArray[]; readonly geometry: Geometry | undefined };
  };
  createBackbone: {
    readonly request: { readonly config: ModelConfig['backbone'] | string; readonly options: Plain<BackboneOptions> };
    readonly reply: {
      readonly backbone: number;
      readonly stages: readonly Stage[];
      readonly notices: readonly string[];
    };
  };
  /** A tensor of the thread by its number, or an array. */
  run: {
    readonly request: { readonly backbone: number; readonly image: NDArray | number };
    readonly reply: readonly { readonly tensor: number; readonly shape: readonly number[] }[];
  };
  read: { readonly request: { readonly tensor: number }; readonly reply: NDArray };
  /** Disposes a model or a backbone. */
  dispose: { readonly request: { readonly owner: number }; readonly reply: undefined };
}

export type Call = keyof Calls;

/** A call with its number. */
export type Request = { readonly [K in Call]: { readonly call: K; readonly id: number } & Calls[K]['request'] }[Call];

/** What the page sends. */
export type ToThread =
  | { readonly call: 'start'; readonly assets: Assets }
  | Request
  | { readonly call: 'abort'; readonly id: number }
  | { readonly call: 'free'; readonly tensor: number };

/** What the thread sends. */
export type ToPage =
  | { readonly kind: 'ready'; readonly version: string }
  | { readonly kind: 'progress'; readonly id: number; readonly progress: Progress }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorParcel; readonly isLost: boolean };

/** What both sides send through: a `Worker`, the scope of a worker, or a `MessagePort`. */
export interface Port<Sent, Received> {
  postMessage(message: Sent, transfer: readonly unknown[]): void;
  addEventListener(type: 'message', listener: (event: { readonly data: Received }) => void): void;
}
