import { checkPixels, type ImageContext, raisePixels } from './context.ts';
import { orientationIn } from './exif.ts';

/**
 * Reads the markers of a JPEG (ITU T.81, annex B): a form that is not supported is refused by its name, sizes and work
 * are checked before anything is allocated, and a file too short for its image is refused as cut short (libjpeg would
 * paint the rest grey and say nothing). What no pixel depends on is passed over, as libjpeg does: bytes between
 * segments, and whatever follows the image data.
 */

export interface Component {
  readonly id: number;
  readonly horizontal: number;
  readonly vertical: number;
}

export interface Frame {
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
const APP1 = 0xe1;
const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;
const hexMarker = (marker: number): string => hex(0xff00 | marker);

export interface JpegFile {
  readonly frame: Frame;
  /** The file up to its end marker, which is added if it is missing. */
  readonly bytes: Uint8Array;
  /** As EXIF states it. */
  readonly orientation: number | undefined;
  /** Set if the end marker is missing: the refusal that applies if pixels are missing, too. */
  readonly unended: Error | undefined;
}

/**
 * Walks the file from SOI to EOI, or to the end of the image data.
 *
 * @returns the frame's header (its size as stored), and what the decoder needs
 * @throws ImageRefusal with the marker and its byte offset
 */
export function readMarkers(bytes: Uint8Array, context: ImageContext): JpegFile {
  const { refuse } = context;
  let frame: Frame | undefined;
  let orientation: number | undefined;
  const progress: Progress = { scans: 0, blocks: 0, missingBits: new Map() };
  const cut = (reason: string) => refuse('truncated', `JPEG byte ${bytes.length}`, `the file ends ${reason}`);
  const kept = withoutStray(bytes);
  for (let at = 2; ; ) {
    const found = nextMarker(bytes, at);
    if (!found) {
      if (at === 2 && bytes.length > 2 && bytes[2] !== 0xff) {
        throw refuse('not-an-image', 'JPEG byte 2', `it is ${hex(bytes[2]!)} where a marker must begin`);
      }
      const unended = cut(bytes.at(-1) === 0xff ? 'inside a marker' : 'without an end marker (EOI)');
      if (!frame || !isWhole(frame, progress)) throw unended;
      return { frame, bytes: withEnd(kept.upTo(at)), orientation, unended };
    }
    const { marker, start } = found;
    kept.drop(at, start);
    const passed = endOfPassed(bytes, marker, found.end);
    if (passed !== undefined) {
      at = passed;
      continue;
    }
    const place = `JPEG marker ${hexMarker(marker)} at byte ${start}`;
    const bad = (what: string) => refuse('malformed', place, `it ${what}`);
    at = found.end;
    if (marker === EOI) {
      if (!frame || progress.scans === 0) throw bad('ends a file without image data');
      const missing = frame.components.find(({ id }) => !progress.missingBits.has(id));
      if (missing) throw refuse('truncated', place, `it ends a file without a scan of the component ${missing.id}`);
      return { frame, bytes: kept.upTo(at), orientation, unended: undefined };
    }
    if (marker === SOI) {
      const unended = bad('must not stand inside a file');
      if (!frame || !isWhole(frame, progress)) throw unended;
      return { frame, bytes: withEnd(kept.upTo(start)), orientation, unended };
    }
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
    } else if (marker === APP1 && progress.scans === 0 && isExif(segment)) {
      orientation ??= orientationIn(segment.subarray(6)); // the first that states one counts
    } else if (marker === SOS) {
      if (!frame) throw bad('is a scan before the frame header (SOF)');
      const end = endOfScan(bytes, at);
      const dataEnd = end ?? endWithoutMarker(bytes, at);
      const unended = end === undefined ? cut('inside a scan, without an end marker (EOI)') : undefined;
      const amount = { data: dataEnd - at, file: bytes.length, unended };
      checkScan(segment, frame, amount, progress, { place, bad }, context);
      if (end === undefined) {
        if (!isWhole(frame, progress)) throw unended;
        return { frame, bytes: withEnd(kept.upTo(dataEnd)), orientation, unended };
      }
      if (!frame.progressive && isWhole(frame, progress)) {
        // libjpeg would read on to the end marker, but no pixel depends on what follows
        return { frame, bytes: withEnd(kept.upTo(end)), orientation, unended: undefined };
      }
      at = end;
    }
  }
}

/**
 * Returns the end of what no pixel depends on, if it is whole: a marker that no length follows (TEM, stray RST), a
 * comment, or a segment of an application without EXIF. A file may have millions of them.
 */
function endOfPassed(bytes: Uint8Array, marker: number, at: number): number | undefined {
  if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) return at;
  const isNote = marker === 0xfe || (marker >= 0xe0 && marker <= 0xef && marker !== APP1);
  if (!isNote || at + 2 > bytes.length) return undefined;
  const length = u16(bytes, at);
  return length >= 2 && at + length <= bytes.length ? at + length : undefined;
}

/** Finds the next marker as libjpeg does: bytes that are none, stuffed zeros and fill bytes are passed over. */
function nextMarker(
  bytes: Uint8Array,
  from: number,
): { readonly marker: number; readonly start: number; readonly end: number } | undefined {
  for (let start = bytes.indexOf(0xff, from); start >= 0; start = bytes.indexOf(0xff, start)) {
    let at = start;
    while (bytes[at] === 0xff) at++;
    const marker = bytes[at];
    if (marker === undefined) return undefined;
    if (marker !== 0) return { marker, start, end: at + 1 };
    start = at;
  }
  return undefined;
}

/**
 * Collects a file without the bytes that stand between its segments. libjpeg would pass over them, too, but it prints
 * its first warning only, so that one about them would hide one about lost pixels.
 */
function withoutStray(bytes: Uint8Array) {
  let copy: Uint8Array | undefined;
  let length = 0;
  let done = 0;
  const keepUpTo = (end: number, target: Uint8Array) => {
    target.set(bytes.subarray(done, end), length);
    length += end - done;
  };
  return {
    drop(from: number, to: number): void {
      if (from === to) return;
      copy ??= new Uint8Array(bytes.length);
      keepUpTo(from, copy);
      done = to;
    },
    upTo(end: number): Uint8Array {
      if (!copy) return bytes.subarray(0, end);
      keepUpTo(end, copy);
      return copy.subarray(0, length);
    },
  };
}

/** Returns the end of image data that no marker ends. Zeros, and half a marker, are no data: encoders end with one bits. */
function endWithoutMarker(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from && (bytes[end - 1] === 0 || bytes[end - 1] === 0xff)) end--;
  return bytes[end] === 0xff && bytes[end + 1] === 0 ? end + 2 : end; // a stuffed zero belongs to its byte
}

function withEnd(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(bytes.length + 2);
  whole.set(bytes);
  whole.set([0xff, EOI], bytes.length);
  return whole;
}

const isExif = (segment: Uint8Array): boolean =>
  segment.length >= 6 && String.fromCharCode(...segment.subarray(0, 6)) === 'Exif\0\0';

/** What the scans so far hold. */
interface Progress {
  scans: number;
  /** How often the decoder visits a block, over all scans. */
  blocks: number;
  /** For each component that was scanned: how many low bits of each coefficient are still to come. */
  readonly missingBits: Map<number, Int8Array>;
}

/** Whether every bit of every coefficient has been in a scan. */
const isWhole = ({ components }: Frame, { missingBits }: Progress): boolean =>
  components.every(({ id }) => missingBits.get(id)?.every((bits) => bits === 0));

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

/** Visits of blocks for each byte of a file that are never too many: photos need about one. */
const visitsPerByte = 16;

/**
 * Checks a scan's header against the frame, and its amount of data against the least that Huffman coding can need. That
 * bound is loose, but it stops a few bytes from asking for megapixels; the decoder reports finer losses. The work of all
 * scans is bounded, too: each is a walk over all its blocks, and a few bytes are enough to ask for one.
 */
function checkScan(
  segment: Uint8Array,
  { width, height, progressive, components }: Frame,
  amount: { readonly data: number; readonly file: number; readonly unended: Error | undefined },
  progress: Progress,
  { place, bad }: Spot,
  { limits, refuse }: ImageContext,
): void {
  const count = segment[0] ?? 0;
  if (count < 1 || count > 4 || segment.length !== 4 + 2 * count) {
    throw bad(`is a scan header of ${segment.length} bytes for ${count} components`);
  }
  const [spectralStart = 0, spectralEnd = 0, approximation = 0] = segment.subarray(1 + 2 * count);
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
  const remedy = 'Save it again as a baseline JPEG, or raise `maxScans` of decodeImage if you trust its source.';
  if (++progress.scans > limits.maxScans) {
    throw refuse('limit', place, `it is one of more than ${limits.maxScans} scans`, remedy);
  }
  progress.blocks += blocks;
  // 16 walks over a grey image of the most pixels
  const mostVisits = Math.max(limits.maxPixels / 4, visitsPerByte * amount.file);
  if (progress.blocks > mostVisits) {
    const reason =
      `the ${progress.scans} scans so far walk over ${progress.blocks} blocks of 64 pixels, ` +
      `the limit is ${Math.floor(mostVisits)} for a file of ${amount.file} bytes`;
    throw refuse('limit', place, reason, `Save it again as a baseline JPEG. ${raisePixels}`);
  }
  let bits = 2 * blocks; // baseline: the shortest DC code and the shortest end of block
  if (progressive) {
    if (spectralStart === 0)
      bits = blocks; // a DC code, or its refining bit
    else if (approximation >> 4)
      bits = 0; // refining: a run of ended blocks with no bit to refine
    else bits = 15 * Math.floor(blocks / 32767); // runs of at most 32767 ended blocks
  }
  const needed = Math.max(1, Math.floor(bits / 8));
  if (amount.data < needed) {
    const reason = `a scan of ${blocks} blocks needs at least ${needed} bytes, ${amount.data} are there`;
    throw amount.unended ?? refuse('truncated', place, reason);
  }
  for (const { id } of chosen) {
    if (!progressive) progress.missingBits.set(id, new Int8Array(64));
    else if (spectralStart === 0 && !progress.missingBits.has(id)) {
      progress.missingBits.set(id, new Int8Array(64).fill(127));
    }
    if (progressive) progress.missingBits.get(id)?.fill(approximation & 15, spectralStart, spectralEnd + 1);
  }
}
