import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { abortSignal, foundIn, isObject, validateOptions } from '../validate.ts';
import { type ImageContext, imageContext } from './context.ts';

/**
 * Cuts a stream of bytes into the frames of a video, as ffmpeg writes them to a pipe: PNG or JPEG files one after another
 * (`-f image2pipe`), or bare pixels (`-f rawvideo`).
 */

/** How the bytes of a pixel of a raw frame follow each other, by ffmpeg's names of `-pix_fmt`. */
const pixelFormats = {
  rgb24: [0, 1, 2, -1],
  bgr24: [2, 1, 0, -1],
  rgba: [0, 1, 2, 3],
  bgra: [2, 1, 0, 3],
  gray: [0, 0, 0, -1],
} as const;
/** A pixel format of raw frames, by ffmpeg's name. */
export type PixelFormat = keyof typeof pixelFormats;
const pixelFormatNames = Object.keys(pixelFormats) as PixelFormat[];
const bytesPerPixel: Readonly<Record<PixelFormat, number>> = { rgb24: 3, bgr24: 3, rgba: 4, bgra: 4, gray: 1 };

/** Options of `framesOf`. */
export interface FramesOptions {
  /** Set for frames of bare pixels, which say neither their size nor their format. Without it the frames are PNG or JPEG files. */
  readonly raw?: { readonly width: number; readonly height: number; readonly pixels: PixelFormat } | undefined;
  /** The name of the stream in messages. By default "stream". */
  readonly name?: string | undefined;
  /** Bytes that an encoded frame may have. By default 2^28. */
  readonly maxBytes?: number | undefined;
  /** Ends the loop with the signal's reason, also while the stream gives nothing. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that come over time: the standard input of Node, the body of a response, a generator. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

const edge = z.int().check(z.minimum(1), z.maximum(65_535));
const framesOptions = z.strictObject({
  raw: z.optional(
    z.strictObject({
      width: edge,
      height: edge,
      pixels: z.enum(pixelFormatNames, { error: `must be one of ${pixelFormatNames.join(', ')}` }),
    }),
  ),
  name: z.optional(z.string()),
  maxBytes: z.optional(z.int().check(z.minimum(1))),
  signal: z.optional(abortSignal),
} satisfies Record<keyof FramesOptions, z.ZodMiniType>);

const defaultMaxBytes = 2 ** 28;

/**
 * Yields the frames of a stream, each as `predict` and `stream` of a model take it: the bytes of a PNG or JPEG file, or pixels. Reads no
 * further than the frame that is asked for, so a slow model slows the sender down. Leaving the loop closes the stream.
 *
 * ```
 * for await (const result of model.stream(framesOf(stdin))) …
 * ```
 *
 * @throws ConfigError for a wrong option, or something that is no stream; ImageError that names the frame, if it is cut short, too large,
 *   or not an image; the signal's reason
 */
export async function* framesOf(
  stream: ByteStream,
  options: FramesOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer> | Raster, void, undefined> {
  const {
    raw,
    name = 'stream',
    maxBytes = defaultMaxBytes,
    signal,
  } = validateOptions(framesOptions, options, 'framesOf');
  const bytes = new Pending(chunksOf(stream), signal);
  try {
    for (let frame = 1; await bytes.has(1); frame++) {
      const context = imageContext(`${name}, frame ${frame}`);
      if (raw) yield await rawFrame(bytes, raw, context);
      else {
        const length = await fileLength(new Walk(bytes, maxBytes, context));
        yield bytes.take(length);
      }
    }
  } finally {
    await bytes.close();
  }
}

function chunksOf(stream: ByteStream): AsyncIterator<Uint8Array> {
  if (isObject(stream) && Symbol.asyncIterator in stream) {
    return (stream as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  }
  // Safari's streams cannot be iterated
  if (isObject(stream) && 'getReader' in stream) return readerIterator(stream as ReadableStream<Uint8Array>);
  throw new ConfigError(
    `framesOf takes a stream of bytes, such as stdin of node:process or the body of a response, got ${foundIn(stream)}.`,
  );
}

function readerIterator(stream: ReadableStream<Uint8Array>): AsyncIterator<Uint8Array> {
  const reader = stream.getReader();
  return {
    async next() {
      const { done, value } = await reader.read();
      return done ? { done, value: undefined } : { done, value };
    },
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Bytes of a stream that have come and were not taken. */
class Pending {
  private held = new Uint8Array(2 ** 16);
  private start = 0;
  private end = 0;
  private ended = false;
  private isWaiting = false;
  private readonly aborted: Promise<never>;
  private readonly stop = new AbortController();

  constructor(
    private readonly chunks: AsyncIterator<Uint8Array>,
    private readonly signal: AbortSignal | undefined,
  ) {
    this.aborted = new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason), { signal: this.stop.signal });
    });
    this.aborted.catch(() => {}); // it is only heard while a chunk is awaited
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Waits until there are so many bytes. Returns false if the stream ends before. */
  async has(count: number): Promise<boolean> {
    while (this.length < count && !this.ended) {
      this.signal?.throwIfAborted();
      this.isWaiting = true;
      const { done, value } = await Promise.race([this.chunks.next(), this.aborted]);
      this.isWaiting = false;
      if (done) this.ended = true;
      else this.add(value);
    }
    return this.length >= count;
  }

  at(offset: number): number {
    return this.held[this.start + offset]!;
  }

  /** Returns the first position from `offset` on with this byte, or the number of bytes. */
  find(byte: number, offset: number): number {
    const found = this.held.subarray(0, this.end).indexOf(byte, this.start + offset);
    return found < 0 ? this.length : found - this.start;
  }

  /** Returns a copy of the first bytes, which are then gone. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.held.slice(this.start, this.start + count);
    this.start += count;
    if (this.start === this.end) this.start = this.end = 0;
    return taken;
  }

  async close(): Promise<void> {
    this.stop.abort();
    const closing = this.ended ? undefined : Promise.resolve(this.chunks.return?.()).catch(() => {});
    if (!this.isWaiting) await closing; // a stream that is asked for a chunk closes after it, which may never come
  }

  private add(chunk: unknown): void {
    if (!ArrayBuffer.isView(chunk) || !('subarray' in chunk)) {
      throw new ConfigError(`a stream of frames gives its bytes as Uint8Arrays, got ${foundIn(chunk)}.`);
    }
    const bytes = chunk as Uint8Array;
    if (this.end + bytes.length > this.held.length) {
      const size = this.length + bytes.length;
      // twice as large, so that a frame in many chunks is not copied for each of them
      const room = size > this.held.length / 2 ? new Uint8Array(2 * size) : this.held;
      room.set(this.held.subarray(this.start, this.end));
      [this.held, this.start, this.end] = [room, 0, this.length];
    }
    this.held.set(bytes, this.end);
    this.end += bytes.length;
  }
}

async function rawFrame(
  bytes: Pending,
  { width, height, pixels }: NonNullable<FramesOptions['raw']>,
  { refuse }: ImageContext,
): Promise<Raster> {
  const step = bytesPerPixel[pixels];
  const size = step * width * height;
  if (!(await bytes.has(size))) {
    const what = `it has ${bytes.length} bytes, and ${width}×${height} pixels of ${pixels} are ${size}`;
    throw refuse('truncated', '', what, 'Give the size and the pixel format that the sender writes.');
  }
  const source = bytes.take(size);
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  const [red, green, blue, alpha] = pixelFormats[pixels];
  for (let from = 0, to = 0; from < size; from += step, to += 4) {
    data[to] = source[from + red]!;
    data[to + 1] = source[from + green]!;
    data[to + 2] = source[from + blue]!;
    if (alpha >= 0) data[to + 3] = source[from + alpha]!;
  }
  return { width, height, data };
}

/** Goes through a frame without taking it, waiting for its bytes. */
class Walk {
  at = 0;

  constructor(
    private readonly bytes: Pending,
    private readonly most: number,
    readonly context: ImageContext,
  ) {}

  async byte(): Promise<number> {
    await this.need(1);
    return this.bytes.at(this.at++);
  }

  async number(bytes: number): Promise<number> {
    await this.need(bytes);
    let value = 0;
    for (let i = 0; i < bytes; i++) value = 256 * value + this.bytes.at(this.at++);
    return value;
  }

  async skip(count: number): Promise<void> {
    await this.need(count);
    this.at += count;
  }

  /** Goes behind the next byte of this value. */
  async past(byte: number): Promise<void> {
    for (;;) {
      const found = this.bytes.find(byte, this.at);
      this.at = found;
      await this.need(1);
      if (this.bytes.at(found) === byte) break;
    }
    this.at++;
  }

  private async need(count: number): Promise<void> {
    const { refuse } = this.context;
    if (this.at + count > this.most) {
      throw refuse('limit', '', `it has more than ${this.most} bytes`, 'Raise maxBytes, or send smaller frames.');
    }
    if (!(await this.bytes.has(this.at + count))) {
      throw refuse('truncated', '', 'the stream ends inside it', 'Wait for the sender to end by itself.');
    }
  }
}

const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Returns the length of the PNG or JPEG file that begins here. */
async function fileLength(walk: Walk): Promise<number> {
  const first = await walk.byte();
  if (first === pngSignature[0]) {
    for (const byte of pngSignature.slice(1)) if ((await walk.byte()) !== byte) throw unknown(walk);
    await walkPng(walk);
  } else if (first === 0xff && (await walk.byte()) === 0xd8) await walkJpeg(walk);
  else throw unknown(walk);
  return walk.at;
}

function unknown({ context }: Walk): Error {
  const remedy = "Let ffmpeg write '-f image2pipe -c:v png -', or name size and pixel format of raw frames.";
  return context.refuse('not-an-image', '', 'it begins neither as a PNG nor as a JPEG file', remedy);
}

const endChunk = 0x49454e44; // IEND

/** Walks the chunks: length, type, data, checksum. */
async function walkPng(walk: Walk): Promise<void> {
  for (let type = 0; type !== endChunk; ) {
    const length = await walk.number(4);
    type = await walk.number(4);
    await walk.skip(length + 4);
  }
}

const endOfImage = 0xd9;

/** Markers without a length: padding, TEM and the restarts. */
const isBare = (marker: number): boolean => marker === 0xff || marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8);

/** Walks the segments by their lengths, and through the data of scans, where only a marker follows 0xff. */
async function walkJpeg(walk: Walk): Promise<void> {
  for (;;) {
    await walk.past(0xff);
    let marker = await walk.byte();
    while (marker === 0xff) marker = await walk.byte();
    if (marker === endOfImage) return;
    if (isBare(marker)) continue;
    const length = await walk.number(2);
    if (length < 2) throw walk.context.refuse('malformed', `marker ${marker.toString(16)}`, `its length is ${length}`);
    await walk.skip(length - 2);
  }
}
