import { MoganetError } from '../../errors.ts';
import { checkPixels, type ImageContext, imageContext, withinMemory } from '../../formats/context.ts';
import type { Bitmap } from '../../globals.ts';
import { orAborted } from '../../turn.ts';
import { CapturedImage, type ReadPixels } from '../captured.ts';
import { bitmapOf, pixelsOf } from './bitmap.ts';

/** Images of a page: elements, bitmaps and frames. */

interface Facts {
  readonly width: number;
  readonly height: number;
  readonly url?: string | undefined;
  /** Why it has no pixels, and what to do. */
  readonly fault?: readonly [reason: string, remedy: string] | undefined;
}

interface ImageElement {
  /** Empty until it begins to load. */
  readonly currentSrc: string;
  readonly src: string;
  readonly complete: boolean;
  readonly naturalWidth: number;
  readonly naturalHeight: number;
  decode(): Promise<void>;
}

interface VideoElement {
  readonly currentSrc: string;
  readonly readyState: number;
  readonly videoWidth: number;
  readonly videoHeight: number;
}

interface Sized {
  readonly width: number;
  readonly height: number;
}

interface Frame {
  readonly displayWidth: number;
  readonly displayHeight: number;
}

const noFrame = ['the <video> has no frame yet', 'Wait for its event loadeddata.'] as const;
const closed = [
  'it was closed',
  'Call predict before close(). When the call has returned its promise, close it.',
] as const;
const broken = ['the <img> has no picture: its src is empty or could not be loaded', 'Check its src.'] as const;

/** How long an `<img>` may take to load. Others may wait for it: images go to a worker in order. */
const loadingMs = 60_000;
const late = [
  `the <img> was not loaded within ${loadingMs / 1000} s`,
  'Check its src, or wait for its event load before the call.',
] as const;

/** `HTMLMediaElement.HAVE_CURRENT_DATA` */
const hasFrame = 2;

const sized = ({ width, height }: Sized): Facts => ({ width, height });

/** The facts of each kind, by class name: an image may come from another frame, whose classes are others. */
const factsByKind = {
  HTMLImageElement: ({ currentSrc, src, naturalWidth: width, naturalHeight: height }: ImageElement): Facts => ({
    url: currentSrc || src,
    width,
    height,
    fault: width === 0 ? broken : undefined,
  }),
  HTMLVideoElement: ({ currentSrc: url, readyState, videoWidth, videoHeight }: VideoElement): Facts => ({
    url,
    width: videoWidth,
    height: videoHeight,
    fault: readyState < hasFrame || videoWidth === 0 ? noFrame : undefined,
  }),
  HTMLCanvasElement: sized,
  OffscreenCanvas: sized,
  ImageBitmap: (image: Sized): Facts => ({ ...sized(image), fault: image.width === 0 ? closed : undefined }),
  VideoFrame: ({ displayWidth: width, displayHeight: height }: Frame): Facts => ({
    width,
    height,
    fault: width === 0 ? closed : undefined,
  }),
};

/** An image of the page as it was at the call, before its pixels are read. */
export interface CapturedBitmap {
  readonly url: string | undefined;
  /** Whether its alpha is dropped, as that of a file is. */
  readonly isOpaque: boolean;
  /**
   * Waits for the bitmap, which `use` takes over. It may do so once.
   *
   * @throws ImageRefusal that says what is wrong with the image, also for what `use` throws; the signal's reason
   */
  read<T>(use: (bitmap: Bitmap, context: ImageContext) => T, limits: PixelLimits, signal?: AbortSignal): Promise<T>;
}

type PixelLimits = Parameters<ReadPixels>[0];

/**
 * Captures an image of the page as it is now: what is drawn or played afterwards does not change it. An `<img>` that still loads is
 * awaited. Returns undefined for anything else. What is wrong with the image is told when its pixels are read.
 */
export function captureImage(image: unknown): CapturedImage | undefined {
  const captured = captureBitmap(image);
  if (!captured) return undefined;
  const { url, isOpaque, read } = captured;
  const pixels = (bitmap: Bitmap, context: ImageContext) => withinMemory('', context, () => pixelsOf(bitmap, isOpaque));
  return new CapturedImage((limits, signal) => read(pixels, limits, signal), url);
}

/** Does what `captureImage` does, as far as the bitmap. */
export function captureBitmap(image: unknown): CapturedBitmap | undefined {
  const kind = Object.prototype.toString.call(image).slice(8, -1);
  if (!Object.hasOwn(factsByKind, kind)) return undefined;
  const factsOf = factsByKind[kind as keyof typeof factsByKind] as (image: unknown) => Facts;
  const begun = factsOf(image);
  const url = namedUrl(begun.url);
  const loading =
    kind === 'HTMLImageElement' && !(image as ImageElement).complete ? (image as ImageElement) : undefined;
  // the browser copies a frame or a canvas in this call, and not when the promise is fulfilled
  let taken = loading || begun.fault ? undefined : bitmapOf(image);
  taken?.catch(() => {}); // heard when the pixels are read
  const read: CapturedBitmap['read'] = async (use, limits, signal) => {
    const context = imageContext(url ?? kind, limits);
    const { refuse } = context;
    try {
      if (loading && !(await isLoaded(loading, signal))) throw refuse('unreadable', '', ...late);
      const { fault, ...size } = loading ? factsOf(image) : begun;
      if (fault) throw refuse('unreadable', '', ...fault);
      checkPixels('', size, context);
      taken ??= bitmapOf(image);
      return use(await taken, context);
    } catch (cause) {
      taken?.then((bitmap) => bitmap.close()).catch(() => {});
      signal?.throwIfAborted();
      if (cause instanceof MoganetError) throw cause;
      throw refuse('unreadable', '', ...(isTaint(cause) ? tainted(kind, begun.url) : unknown(cause)), cause);
    }
  };
  return { url, isOpaque: kind === 'HTMLImageElement', read };
}

/** Waits until an element is loaded or has failed: its facts tell which. Returns false if it takes too long. @throws the signal's reason */
async function isLoaded(image: ImageElement, signal: AbortSignal | undefined): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), loadingMs);
  });
  const settled = image.decode().then(
    () => true,
    () => true,
  );
  return orAborted(signal, () => Promise.race([settled, tooLate])).finally(() => clearTimeout(timer));
}

/** A `data:` URL is all of the image, and a `blob:` URL says nothing. */
const namedUrl = (url: string | undefined): string | undefined =>
  url && !/^(data|blob):/i.test(url) ? url : undefined;

const isTaint = (cause: unknown): boolean => (cause as { name?: unknown } | undefined)?.name === 'SecurityError';

/** Says why the browser keeps pixels from a page, and the way out. */
function tainted(kind: string, url: string | undefined): [reason: string, remedy: string] {
  const isElement = kind === 'HTMLImageElement' || kind === 'HTMLVideoElement';
  const host = url && URL.canParse(url) ? new URL(url).origin : 'the other server';
  const what = isElement ? 'it comes from another origin' : 'something of another origin was drawn on it';
  return [
    `${what}, and the browser lets this page show it but not read it`,
    `Set crossOrigin = 'anonymous' on the element before its src, and let ${host} send Access-Control-Allow-Origin; ` +
      'or serve the file from the origin of the page.',
  ];
}

const unknown = (cause: unknown): [reason: string, remedy: string] => [
  `the browser cannot read its pixels: ${cause instanceof Error ? cause.message : cause}`,
  'Give the bytes of a PNG or JPEG file.',
];
