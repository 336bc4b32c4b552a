import type { Source } from '../checkpoint/source.ts';
import type { Raster } from '../image/raster.ts';
import type { Engine } from '../nn/index.ts';

/** What the library needs from where it runs. The two entries (Node, browser) hand in theirs. */

/** Weights by path (Node), address, or bytes. */
export type WeightsRef = string | URL | Blob | Uint8Array | ArrayBuffer;

/** An image by path (Node), address, bytes of a PNG or JPEG file, or pixels (RGBA, as `ImageData`). */
export type ImageRef = string | URL | Blob | Uint8Array | ArrayBuffer | Raster;

export interface Progress {
  /** `download` counts bytes (total 0 where the server does not say), `weights` tensors, `engine` parts of the model. */
  readonly stage: 'download' | 'weights' | 'engine';
  readonly done: number;
  readonly total: number;
  readonly text: string;
}

export interface EngineOptions {
  readonly threads?: number;
}

export interface Platform {
  openWeights(
    weights: WeightsRef,
    signal?: AbortSignal,
    onBytes?: (done: number, total: number) => void,
  ): Promise<Source & { close?(): Promise<void> }>;
  /** Weights that the package ships, by file name. */
  shippedWeights(file: string): WeightsRef;
  readImage(image: Exclude<ImageRef, Raster>, signal?: AbortSignal): Promise<Uint8Array>;
  decodeImage(bytes: Uint8Array, name: string): Promise<Raster>;
  /** Names of the engines, the preferred one first. */
  readonly engines: readonly string[];
  /** Starts an engine; `auto` takes the first that is there. @throws EngineError saying how to get it */
  openEngine(name: string, options: EngineOptions): Promise<Engine>;
}
