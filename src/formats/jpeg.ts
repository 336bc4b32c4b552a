import moduleFactory from '@jsquash/jpeg/codec/dec/mozjpeg_dec.js';
import type { Raster } from '../image/raster.ts';
import { checkPixels, type ImageContext, imageContext } from './context.ts';

/**
 * Reads JPEG in two steps. The markers (ITU T.81, annex B) come first: a form that is not supported is refused by its
 * name, sizes are checked before anything is allocated, and a file too short for its image is refused as cut short
 * (libjpeg would paint the rest grey and say nothing). Only then does libjpeg, as WebAssembly, see the file.
 */

interface Component {
  readonly id: number;
  readonly horizontal: number;
  readonly vertical: number;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly progressive: boolean;
  readonly components: readonly Component[];
}

/** The start-of-frame markers that are not read, and the coding that each announces (T.81, table B.1). */
const foreignFrames: Readonly<Record<number, string>> = {
  195: 'lossless',
  197: 'hierarchical (differential)',
  198: 'hierarchical (differential progressive)',
  199: 'hierarchical (differential lossless)',
  200: 'of a reserved kind (JPG)',
  201: 'arithmetic-coded',
  202: 'arithmetic-coded (progressive)',
  203: 'arithmetic-coded (lossless)',
  205: 'arithmetic-coded (differential)',
  206: 'arithmetic-coded (differential progressive)',
  207: 'arithmetic-coded (differential lossless)',
  222: 'hierarchical (DHP)',
  247: 'JPEG-LS',
};

const SOI = 0xd8;
const EOI = 0xd9;
const SOS = 0xda;
const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
const hexMarker = (marker: number): string => hex(0xff00 | marker);

/**
 * Walks the file from SOI to EOI. Bytes after EOI are ignored.
 *
 * @returns the frame's header, its size as stored (EXIF orientation not applied)
 * @throws ImageRefusal with the marker and its byte offset
 */
function readMarkers(bytes: Uint8Array, context: ImageContext): Frame {
  const { limits, refuse } = context;
  let frame: Frame | undefined;
  let scans = 0;
  const scanned = new Set<number>();
  let at = 2;
  const cut = (reason: string) => refuse('truncated', `JPEG byte ${bytes.length}`, `the file ends ${reason}`);
  for (;;) {
    const start = at;
    if (at >= bytes.length) throw cut('without an end marker (EOI)');
    if (bytes[at] !== 0xff) {
      const found = `it is ${hex(bytes[at]!)} where a marker must begin`;
      throw refuse(frame ? 'malformed' : 'not-an-image', `JPEG byte ${at}`, found);
    }
    while (bytes[at] === 0xff) at++; // fill bytes
    const marker = bytes[at++];
    if (marker === undefined) throw cut('inside a marker');
    const place = `JPEG marker ${hexMarker(marker)} at byte ${start}`;
    const bad = (what: string) => refuse('malformed', place, `it ${what}`);
    if (marker === EOI) {
      if (!frame || scans === 0) throw bad('ends a file without image data');
      const missing = frame.components.find(({ id }) => !scanned.has(id));
      if (missing) throw refuse('truncated', place, `it ends a file without a scan of the component ${missing.id}`);
      return frame;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) continue; // TEM, stray RST: no length follows
    if (marker === 0 || marker === SOI) throw bad('must not stand inside a file');
    if (at + 2 > bytes.length) throw cut(`inside the segment ${hexMarker(marker)} at byte ${start}`);
    const length = u16(bytes, at);
    if (length < 2) throw bad(`has the length ${length}; the least is 2`);
    if (at + length > bytes.length) {
      throw refuse('truncated', place, `it says ${length} bytes, ${bytes.length - at} are there`);
    }
    const segment = bytes.subarray(at + 2, at + length);
    at += length;
    const foreign = foreignFrames[marker];
    if (foreign) throw refuse('unsupported', place, `this JPEG is ${foreign}`);
    if (marker >= 0xc0 && marker <= 0xc2) {
      if (frame) throw bad('is a second frame header');
      frame = readFrame(segment, { marker, place, bad }, context);
    } else if (marker === 0xdc) {
      throw refuse('unsupported', place, 'it gives the height late (DNL)');
    } else if (marker === SOS) {
      if (!frame) throw bad('is a scan before the frame header (SOF)');
      if (++scans > limits.maxScans) {
        const remedy = 'Save it again as a baseline JPEG, or raise `maxScans` if you trust its source.';
        throw refuse('limit', place, `it is one of more than ${limits.maxScans} scans`, remedy);
      }
      const end = endOfScan(bytes, at);
      if (end === undefined) throw cut('inside a scan, without an end marker (EOI)');
      checkScan(segment, frame, end - at, scanned, { place, bad }, context);
      at = end;
    }
  }
}

const u16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** The position of a segment, for messages. */
interface Spot {
  readonly place: string;
  /** Makes the refusal of a malformed segment: `bad('is a second frame header')`. */
  readonly bad: (what: string) => Error;
}

function readFrame(
  segment: Uint8Array,
  { marker, place, bad }: Spot & { readonly marker: number },
  context: ImageContext,
): Frame {
  const { refuse } = context;
  if (segment.length < 6) throw bad(`is a frame header of ${segment.length} bytes; the least is 6`);
  const [precision = 0, , , , , count = 0] = segment;
  const height = u16(segment, 1);
  const width = u16(segment, 3);
  if (precision === 12 || precision === 16)
    throw refuse('unsupported', place, `its samples have ${precision} bits, not 8`);
  if (precision !== 8) throw bad(`says ${precision} bits per sample`);
  if (segment.length !== 6 + 3 * count) throw bad(`has ${segment.length} bytes for ${count} components`);
  checkPixels(place, { width, height }, context);
  if (count === 4)
    throw refuse(
      'unsupported',
      place,
      'it has four components, so this is a CMYK (or YCCK) JPEG',
      'Convert it to RGB.',
    );
  if (count !== 1 && count !== 3) throw bad(`says ${count} components; a grey image has 1, a colour image 3`);
  const components = Array.from({ length: count }, (_, i): Component => {
    const sampling = segment[7 + 3 * i]!;
    return { id: segment[6 + 3 * i]!, horizontal: sampling >> 4, vertical: sampling & 15 };
  });
  for (const { id, horizontal, vertical } of components) {
    if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4) {
      throw bad(`says component ${id} is sampled ${horizontal} × ${vertical}; 1 to 4 are possible`);
    }
  }
  if (new Set(components.map(({ id }) => id)).size !== components.length) throw bad('names a component twice');
  return { width, height, progressive: marker === 0xc2, components };
}

/** Returns the offset of the first marker after `at` that is not a stuffed zero, a restart or fill; `undefined` if there is none. */
function endOfScan(bytes: Uint8Array, at: number): number | undefined {
  for (let i = bytes.indexOf(0xff, at); i >= 0; i = bytes.indexOf(0xff, i + 1)) {
    const next = bytes[i + 1];
    if (next === undefined) break;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return i;
  }
  return undefined;
}

/**
 * Checks a scan's header against the frame, and its amount of data against the least that Huffman coding can need. That
 * bound is loose, but it stops a few bytes from asking for megapixels; the decoder reports finer losses.
 */
function checkScan(
  segment: Uint8Array,
  { width, height, progressive, components }: Frame,
  dataBytes: number,
  scanned: Set<number>,
  { place, bad }: Spot,
  { refuse }: ImageContext,
): void {
  const count = segment[0] ?? 0;
  if (count < 1 || count > 4 || segment.length !== 4 + 2 * count) {
    throw bad(`is a scan header of ${segment.length} bytes for ${count} components`);
  }
  const [spectralStart, , approximation = 0] = segment.subarray(1 + 2 * count);
  const chosen = Array.from({ length: count }, (_, i) => {
    const id = segment[1 + 2 * i]!;
    const component = components.find((c) => c.id === id);
    if (!component) throw bad(`is a scan of component ${id}, which the frame does not have`);
    return component;
  });
  const most = (pick: (c: Component) => number) => Math.max(...components.map(pick));
  const blocks = chosen.reduce((sum, { horizontal, vertical }) => {
    const across = Math.ceil(Math.ceil((width * horizontal) / most((c) => c.horizontal)) / 8);
    const down = Math.ceil(Math.ceil((height * vertical) / most((c) => c.vertical)) / 8);
    return sum + across * down;
  }, 0);
  let bits = 2 * blocks; // baseline: the shortest DC code and the shortest end of block
  if (progressive) {
    if (spectralStart === 0)
      bits = blocks; // a DC code, or its refining bit
    else if (approximation >> 4)
      bits = 0; // refining: a run of ended blocks with no bit to refine
    else bits = 15 * Math.floor(blocks / 32767); // runs of at most 32767 ended blocks
  }
  const needed = Math.max(1, Math.floor(bits / 8));
  if (dataBytes < needed) {
    const reason = `a scan of ${blocks} blocks needs at least ${needed} bytes, ${dataBytes} are there`;
    throw refuse('truncated', place, reason);
  }
  if (!progressive || spectralStart === 0) for (const { id } of chosen) scanned.add(id);
}

/** Loads and compiles `@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm`; each platform finds it in another way. */
export type LoadWasm = () => Promise<WebAssembly.Module>;

/** @throws ImageRefusal for every file that is not a whole 8-bit JPEG in grey or colour; CMYK is refused, too */
type DecodeJpeg = (bytes: Uint8Array, context?: ImageContext) => Promise<Raster>;

/** The part of the Emscripten module that is used. Its published types know ImageData and ArrayBuffer only. */
interface Decoder {
  decode(bytes: Uint8Array, applyOrientation: boolean): Raster | null;
}

interface DecoderOptions {
  instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void): WebAssembly.Exports;
  printErr(line: string): void;
}

/**
 * The warnings of libjpeg that mean lost pixels. Other warnings pass: bytes between segments or an unknown Adobe flag are
 * harmless, and cameras write them.
 */
const lossWarning = /premature end|bad Huffman code|instead of RST/i;
const cutWarning = /premature end/i;

/** Up to this size a decoder's memory (about ten bytes a pixel) is worth keeping for the next image. */
const keptPixels = 2 ** 24;

/**
 * Returns a JPEG reader: libjpeg (baseline and progressive, grey and colour), bit for bit as `cv2.imread`, EXIF
 * orientation applied. The WebAssembly is loaded with the first image, and its memory is replaced after a file that made
 * it stop.
 */
export function jpegDecoder(loadWasm: LoadWasm): DecodeJpeg {
  let wasm: Promise<WebAssembly.Module> | undefined;
  let decoder: Promise<Decoder> | undefined;
  const messages: string[] = [];

  const start = async (): Promise<Decoder> => {
    wasm ??= loadWasm();
    const module = await wasm;
    const options: DecoderOptions = {
      instantiateWasm: (imports, done) => {
        const instance = new WebAssembly.Instance(module, imports);
        done(instance);
        return instance.exports;
      },
      printErr: (line) => messages.push(line),
    };
    // a cast at the border: the published types leave out printErr and confuse the module with its instance
    return (moduleFactory as unknown as (options: DecoderOptions) => Promise<Decoder>)(options);
  };

  return async (bytes, context = imageContext()) => {
    const { refuse } = context;
    const frame = readMarkers(bytes, context);
    decoder ??= start();
    let ready: Decoder;
    try {
      ready = await decoder;
    } catch (error) {
      // the next image tries again: a download may have failed
      wasm = undefined;
      decoder = undefined;
      throw error;
    }
    messages.length = 0;
    let raster: Raster | null;
    try {
      raster = ready.decode(bytes, true);
    } catch (error) {
      // libjpeg ends by exit() without freeing its memory, so this instance is not used again
      decoder = undefined;
      const reason = `the decoder stops with "${messages.at(-1) ?? String(error)}"`;
      throw refuse('malformed', 'JPEG image data', reason, undefined, error);
    }
    // WebAssembly memory never shrinks, so a decoder that grew for a large image is dropped
    if (frame.width * frame.height > keptPixels) decoder = undefined;
    const loss = messages.find((line) => lossWarning.test(line));
    if (loss) {
      const code = cutWarning.test(loss) ? 'truncated' : 'malformed';
      throw refuse(code, 'JPEG image data', `pixels are lost ("${loss}")`);
    }
    if (!raster) throw refuse('malformed', 'JPEG image data', 'the decoder returns no image');
    return { width: raster.width, height: raster.height, data: raster.data };
  };
}
