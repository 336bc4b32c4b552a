import type { Source } from '../formats/source.ts';
import type { GlobalInstance } from '../globals.ts';
import type { Raster } from '../image/raster.ts';
import type { Engine } from '../nn/index.ts';
import type { CapturedImage } from './captured.ts';
import type { FileRef, OnBytes } from './refs.ts';

/** What the library needs from the platform that it runs on. The two entries (Node, browser) hand in theirs. */
export interface Platform {
  openWeights(weights: WeightsRef, options?: OpenOptions): Promise<OpenSource>;
  /** Weights that the package ships, by file name. @param from as in `ReadOptions` */
  shippedWeights(file: string, from?: string): WeightsRef;
  /** Absent if the platform cannot keep files. */
  readonly cache?: WeightsCache | undefined;
  readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array>;
  /** Captures an image of the page. Undefined for anything else. Absent if the platform has no such images. */
  captureImage?(image: unknown): CapturedImage | undefined;
  /** @param limits what differs from the limits of `decodeImage` */
  decodeImage(bytes: Uint8Array, name: string, limits?: DecodeLimits): Promise<Raster>;
  /** Names of the engines, the preferred one first. */
  readonly engines: readonly string[];
  /** Starts an engine; `auto` takes the first available one. @throws EngineError saying how to get it */
  openEngine(name: string, options: EngineOptions): Promise<Engine>;
}

/** How weights are opened. */
export interface OpenOptions {
  readonly signal?: AbortSignal | undefined;
  /** Hears the size before the first bytes. */
  readonly onBytes?: OnBytes | undefined;
  /** Keep fetched files for the next time (browser): under the name of a cache, or under the package's. */
  readonly cache?: boolean | string | undefined;
  /** Hears what the user should know, such as why nothing is kept. */
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** A file of weights that is open. */
export interface OpenSource extends Source {
  close?(): Promise<void>;
  /** Forgets a copy that turned out to be damaged, so that the next time fetches the file again. */
  discard?(): Promise<void>;
}

/** What an image may ask for. */
export interface DecodeLimits {
  readonly maxPixels?: number | undefined;
}

/** Weights by path (Node), URL, or bytes. */
export type WeightsRef = FileRef;

/** An image of a page: an element, a bitmap or a frame. Its pixels are those at the call. Empty where there is no DOM. */
export type PageImage =
  | GlobalInstance<'HTMLImageElement'>
  | GlobalInstance<'HTMLVideoElement'>
  | GlobalInstance<'HTMLCanvasElement'>
  | GlobalInstance<'OffscreenCanvas'>
  | GlobalInstance<'ImageBitmap'>
  | GlobalInstance<'VideoFrame'>;

/**
 * An image by path (Node), URL, bytes of an image file, the answer of `fetch`, pixels (RGBA, as `ImageData`), or in a browser an `<img>`,
 * `<video>`, `<canvas>`, `OffscreenCanvas`, `ImageBitmap` or `VideoFrame`.
 */
export type ImageRef = FileRef | Raster | PageImage;

export interface EngineOptions {
  /** Threads of onnxruntime and of ort-wasm, in Node at most as many as the process may use. Default: one per physical core where Linux lists them, else the most; no more than the CPU quota of a container. */
  readonly threads?: number | undefined;
  /** The execution provider of onnxruntime in Node: `cuda`, `coreml` or `dml`. Nothing stands in for one that does not start. */
  readonly device?: string | undefined;
}

/** A file as its publisher states it. */
export interface PublishedFile {
  readonly url: string;
  /** Bytes, if known beforehand. */
  readonly size?: number | undefined;
  /** In hex, or the beginning of it. */
  readonly sha256?: string | undefined;
}

/** Keeps published files that were downloaded. */
export interface WeightsCache {
  /** Returns the path of a file if it is in the cache. Uses no network. */
  find(file: PublishedFile): string | undefined;
  /** Downloads a file unless it is in the cache, and checks it. @throws DownloadError */
  pull(
    file: PublishedFile,
    options: {
      /** Checks a downloaded file before it gets its name. @throws CheckpointError if it is not the wanted one */
      readonly check?: ((file: Source) => Promise<void>) | undefined;
      readonly from?: string | undefined;
      readonly onBytes?: OnBytes | undefined;
      readonly onNotice?: ((text: string) => void) | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<{ readonly path: string; readonly size: number; readonly sha256: string; readonly cached: boolean }>;
}

/** How far loading has come. */
export interface Progress {
  /** `download` counts bytes (total 0 if the server does not say), `weights` tensors, `engine` parts of the model. About a hundred calls each. */
  readonly stage: 'download' | 'weights' | 'engine';
  readonly done: number;
  readonly total: number;
  /** Name of the file without its folders; for `engine` the engine and the part. */
  readonly text: string;
  /**
   * True if the bytes of a `download` come from the cache of the browser, and nothing is downloaded. Only downloads in a
   * browser have this key.
   */
  readonly cached?: boolean | undefined;
  /** A sentence for the user: what a download waits for, why it is tried again, why it is not kept. */
  readonly notice?: string | undefined;
}

/** Returns a counter that reports the start, the end and each hundredth, however many steps there are. */
export function countOf(
  onProgress: ((progress: Progress) => void) | undefined,
  stage: Progress['stage'],
  file: string,
): OnBytes {
  const text = fileName(file);
  let lastStep = -1;
  let lastTotal = -1;
  return (done, total, cached) => {
    // each mebibyte of a download if its total is unknown
    const step = total > 0 ? Math.floor((100 * done) / total) : Math.floor(done / 2 ** 20);
    if (step === lastStep && total === lastTotal) return;
    [lastStep, lastTotal] = [step, total];
    const progress = { stage, done, total, text };
    onProgress?.(cached === undefined ? progress : { ...progress, cached });
  };
}

/** The last component of a path or URL. */
export function fileName(file: string): string {
  const [path = file] = file.split(/[?#]/);
  return path.split(/[/\\]/).at(-1) || file;
}
