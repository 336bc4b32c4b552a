import type { Source } from '../formats/source.ts';
import type { Raster } from '../image/raster.ts';
import type { Engine } from '../nn/index.ts';

/** What the library needs from where it runs. The two entries (Node, browser) hand in theirs. */

/** Weights by path (Node), address, or bytes. */
export type WeightsRef = string | URL | Blob | Uint8Array | ArrayBuffer;

/** An image by path (Node), address, bytes of a PNG or JPEG file, or pixels (RGBA, as `ImageData`). */
export type ImageRef = string | URL | Blob | Uint8Array | ArrayBuffer | Raster;

/** How far loading has come. */
export interface Progress {
  /** `download` counts bytes (total 0 where the server does not say), `weights` tensors, `engine` parts of the model; about a hundred calls of each. */
  readonly stage: 'download' | 'weights' | 'engine';
  readonly done: number;
  readonly total: number;
  /** The name of the file, without its folders; of `engine` the engine and the part. */
  readonly text: string;
  /** A sentence for the user: what a download waits for, why it is tried again. */
  readonly notice?: string;
}

/** A file as its publisher has it. */
export interface PublishedFile {
  readonly url: string;
  /** Bytes, where they are known beforehand. */
  readonly size?: number | undefined;
  /** In hex, or its beginning. */
  readonly sha256?: string | undefined;
}

/** Where published files are kept once they were fetched. */
export interface WeightsCache {
  /** The path of a file that is there; asks nobody. */
  find(file: PublishedFile): string | undefined;
  /** Makes sure that a file is there and right: fetched where it is not, checked where it is. @throws DownloadError */
  pull(
    file: PublishedFile,
    options: {
      readonly from?: string | undefined;
      readonly onBytes?: ((done: number, total: number) => void) | undefined;
      readonly onNotice?: ((text: string) => void) | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<{ readonly path: string; readonly size: number; readonly sha256: string; readonly cached: boolean }>;
}

export interface EngineOptions {
  /** Of onnxruntime in Node, at most as many as the process may use; one per core where it is not given. */
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
  /** Only where there are files to keep. */
  readonly cache?: WeightsCache;
  readImage(image: Exclude<ImageRef, Raster>, signal?: AbortSignal): Promise<Uint8Array>;
  decodeImage(bytes: Uint8Array, name: string): Promise<Raster>;
  /** Names of the engines, the preferred one first. */
  readonly engines: readonly string[];
  /** Starts an engine; `auto` takes the first that is there. @throws EngineError saying how to get it */
  openEngine(name: string, options: EngineOptions): Promise<Engine>;
}

/** Says how far one count has come: its start, its end and each hundredth, however many steps there are. */
export function countOf(
  onProgress: ((progress: Progress) => void) | undefined,
  stage: Progress['stage'],
  file: string,
): (done: number, total: number) => void {
  const text = lastOf(file);
  let said = -1;
  let saidTotal = -1;
  return (done, total) => {
    // where the total is not known, each mebibyte of a download
    const step = total > 0 ? Math.floor((100 * done) / total) : Math.floor(done / 2 ** 20);
    if (step === said && total === saidTotal) return;
    [said, saidTotal] = [step, total];
    onProgress?.({ stage, done, total, text });
  };
}

/** The file's own name of a path or an address. */
const lastOf = (file: string): string => file.split(/[?#]/)[0]!.split(/[/\\]/).at(-1) || file;
