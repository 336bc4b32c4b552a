import { isRefusal } from '../errors.ts';
import { type CheckpointContext, quoted } from './context.ts';
import { crc32, inflate } from './inflate.ts';
import { type Region, readInto, type Source } from './source.ts';

/**
 * Reads zip archives (zip32 and zip64, stored and deflated entries) by position. An archive whose records disagree with
 * each other or with the file's size, or that two readers could understand differently, is refused.
 */

/** An entry as the central directory describes it. */
interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Offset of the local header. */
  readonly offset: number;
}

interface ZipDirectory {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Offset of the directory, before which all entries end. */
  readonly start: number;
}

const endBytes = 22;
const u16max = 0xffff;
const u32max = 0xffffffff;

const placeOf = ({ name }: Pick<ZipEntry, 'name'>) => `entry ${quoted(name)}`;
const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The end record: number of entries, bytes and offset of the directory. */
interface End {
  readonly count: number;
  readonly size: number;
  readonly start: number;
}

async function readDirectory(source: Source, context: CheckpointContext): Promise<ZipDirectory> {
  const { limits, refuse } = context;
  const end = await readEnd(source, context);
  if (end.count > limits.zipEntries) {
    throw refuse('limit', 'end record', `it counts ${end.count} entries, the limit is ${limits.zipEntries}`);
  }
  // every directory record takes at least 46 bytes and its name; names of a checkpoint are short
  if (end.size > end.count * (46 + 3 * u16max)) {
    throw refuse('malformed', 'end record', `a directory of ${end.size} bytes for ${end.count} entries`);
  }
  const entries = parseDirectory(await source.read(end.start, end.size), end, context);
  checkOverlap(entries, end.start, context);
  return { entries, start: end.start };
}

async function readEnd(source: Source, context: CheckpointContext): Promise<End> {
  const { refuse } = context;
  const tailBytes = Math.min(source.size, endBytes + u16max);
  const tailStart = source.size - tailBytes;
  const tail = await source.read(tailStart, tailBytes);
  const view = viewOf(tail);
  const found: number[] = [];
  let signatures = 0;
  for (let at = tail.length - 4; at >= 0; at--) {
    if (view.getUint32(at, true) !== 0x06054b50) continue;
    signatures++;
    if (at + endBytes <= tail.length && at + endBytes + view.getUint16(at + 20, true) === tail.length) found.push(at);
  }
  const [at, second] = found;
  if (at === undefined) {
    const reason = signatures
      ? 'the end record of the archive does not end at the end of the file'
      : 'the archive has no end record';
    throw refuse(signatures ? 'malformed' : 'truncated', `offset ${source.size}`, reason);
  }
  if (second !== undefined) throw refuse('malformed', 'end record', 'two records could be the end of the archive');

  const several = view.getUint32(at + 4, true) !== 0 || view.getUint16(at + 8, true) !== view.getUint16(at + 10, true);
  const end = {
    count: view.getUint16(at + 10, true),
    size: view.getUint32(at + 12, true),
    start: view.getUint32(at + 16, true),
  };
  const zip64 = await readZip64End(source, tailStart + at, context);
  if (several && !zip64) throw refuse('unsupported', 'end record', 'the archive is one part of several');
  const directory = zip64 ? mergeZip64(end, zip64, context) : end;
  const expectedEnd = zip64?.position ?? tailStart + at;
  if (directory.start + directory.size !== expectedEnd) {
    const stated = `bytes ${directory.start} to ${directory.start + directory.size}`;
    throw refuse('malformed', 'end record', `it puts the directory at ${stated}, but it must end at ${expectedEnd}`);
  }
  return directory;
}

async function readZip64End(source: Source, endPosition: number, { refuse }: CheckpointContext) {
  if (endPosition < 20 + 56) return undefined;
  const locator = viewOf(await source.read(endPosition - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const position = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(4, true) !== 0 || locator.getUint32(16, true) > 1) {
    throw refuse('unsupported', 'zip64 locator', 'the archive is one part of several');
  }
  if (position + 56 > endPosition - 20) {
    throw refuse('malformed', 'zip64 locator', `it points at ${position}, past itself`);
  }
  const record = viewOf(await source.read(position, 56));
  const length = Number(record.getBigUint64(4, true));
  if (record.getUint32(0, true) !== 0x06064b50 || position + 12 + length !== endPosition - 20) {
    throw refuse('malformed', `offset ${position}`, 'the zip64 locator points to it, but it is not an end record');
  }
  const count = record.getBigUint64(32, true);
  if (record.getUint32(16, true) !== 0 || record.getUint32(20, true) !== 0 || record.getBigUint64(24, true) !== count) {
    throw refuse('unsupported', 'zip64 end record', 'the archive is one part of several');
  }
  return {
    position,
    count: Number(count),
    size: Number(record.getBigUint64(40, true)),
    start: Number(record.getBigUint64(48, true)),
  };
}

/** Returns the zip64 record, if the short one says the same or refers to it. */
function mergeZip64(end: End, zip64: End, { refuse }: CheckpointContext): End {
  const agree = (short: number, long: number, max: number) => short === max || short === long;
  if (
    !agree(end.count, zip64.count, u16max) ||
    !agree(end.size, zip64.size, u32max) ||
    !agree(end.start, zip64.start, u32max)
  ) {
    throw refuse('malformed', 'end record', 'the zip and zip64 end records disagree');
  }
  return zip64;
}

function parseDirectory(bytes: Uint8Array, end: End, context: CheckpointContext): Map<string, ZipEntry> {
  const { refuse } = context;
  const view = viewOf(bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  for (let index = 0; index < end.count; index++) {
    const place = `directory record ${index}`;
    if (at + 46 > bytes.length || view.getUint32(at, true) !== 0x02014b50) {
      throw refuse('malformed', place, `the end record counts ${end.count} entries, the directory holds ${index}`);
    }
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes.length) throw refuse('malformed', place, 'it runs past the end of the directory');
    const name = entryName(bytes.subarray(at + 46, at + 46 + nameBytes), place, context);
    if (entries.has(name)) throw refuse('malformed', placeOf({ name }), 'two entries have this name');
    const sizes = {
      size: view.getUint32(at + 24, true),
      compressedSize: view.getUint32(at + 20, true),
      offset: view.getUint32(at + 42, true),
    };
    const extra = bytes.subarray(at + 46 + nameBytes, at + 46 + nameBytes + extraBytes);
    entries.set(name, {
      name,
      flags: view.getUint16(at + 8, true),
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      ...wideSizes(sizes, extra, placeOf({ name }), context),
    });
    at = next;
  }
  if (at !== bytes.length) {
    const reason = `${bytes.length - at} bytes follow the ${end.count} entries that the end record counts`;
    throw refuse('malformed', 'directory', reason);
  }
  return entries;
}

/** Decodes a name. A name that would mean different files to different readers is refused. */
function entryName(bytes: Uint8Array, place: string, { refuse }: CheckpointContext): string {
  let name: string;
  try {
    name = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw refuse('malformed', place, 'its name is not UTF-8', undefined, cause);
  }
  const parts = name.split('/');
  const control = bytes.some((byte) => byte < 0x20) || name.includes('\\');
  if (control || parts[0] === '' || parts.includes('..') || /^[a-z]:/i.test(name)) {
    throw refuse('malformed', place, `its name ${quoted(name)} is not a plain relative path`);
  }
  return name;
}

/** Replaces each size of 2^32 − 1 by its 64-bit form in the extra field, in the fixed order of the format. */
function wideSizes<T extends Record<string, number>>(
  sizes: T,
  extra: Uint8Array,
  place: string,
  { refuse }: CheckpointContext,
): T {
  const wide: Record<string, number> = { ...sizes };
  const missing = Object.keys(sizes).filter((key) => sizes[key] === u32max);
  if (missing.length === 0) return sizes;
  const view = viewOf(extra);
  for (let at = 0; at + 4 <= extra.length; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    const length = view.getUint16(at + 2, true);
    if (length < 8 * missing.length || at + 4 + length > extra.length) break;
    missing.forEach((key, i) => {
      wide[key] = Number(view.getBigUint64(at + 4 + 8 * i, true));
    });
    return wide as T;
  }
  throw refuse('malformed', place, 'its zip64 sizes are missing');
}

function checkOverlap(
  entries: ReadonlyMap<string, ZipEntry>,
  directoryStart: number,
  { refuse }: CheckpointContext,
): void {
  const ordered = [...entries.values()].sort((a, b) => a.offset - b.offset);
  for (const [i, entry] of ordered.entries()) {
    // the local header repeats the name and may add an extra field: this much at least
    const end = entry.offset + 30 + new TextEncoder().encode(entry.name).length + entry.compressedSize;
    const next = ordered[i + 1];
    const limit = next?.offset ?? directoryStart;
    if (end <= limit) continue;
    const what = next && limit !== directoryStart ? placeOf(next) : 'the directory';
    throw refuse('malformed', placeOf(entry), `its bytes ${entry.offset} to ${end} run into ${what} at ${limit}`);
  }
}

/** A zip archive whose entries are read by position, and checked when they are read. */
export interface ZipArchive {
  /** Sizes by name, as the central directory has them. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Returns the bytes of an entry, checked against its CRC before any of them is used. The name is one of `sizes`. */
  region(name: string): Region;
}

/** What the entries of one archive have in common. */
interface Opened {
  readonly source: Source;
  readonly directoryStart: number;
  readonly context: CheckpointContext;
  /** torch.save can be told to leave checksums out. Then all are 0, which real ones never are together. */
  readonly checksums: boolean;
  /** Inflated entries that were read in part, the oldest first: other views of them follow. */
  readonly kept: Map<ZipEntry, Uint8Array>;
}

/**
 * Opens a zip archive with stored or deflated entries.
 *
 * @throws CheckpointRefusal for faults of the directory; on reading for headers, CRC and deflate data
 */
export async function openZip(source: Source, context: CheckpointContext): Promise<ZipArchive> {
  const { limits, refuse } = context;
  const { entries, start: directoryStart } = await readDirectory(source, context);
  const sizes = new Map<string, number>();
  let inflated = 0;
  let checksums = false;
  for (const entry of entries.values()) {
    checkEntry(entry, context);
    sizes.set(entry.name, entry.size);
    if (entry.method === 8) inflated += entry.size;
    if (entry.crc !== 0) checksums = true;
  }
  const allowed = Math.max(limits.inflatedBytes, limits.inflatedRatio * source.size);
  if (inflated > allowed) {
    const reason = `its entries inflate to ${inflated} bytes, the limit for this file is ${allowed}`;
    throw refuse('limit', 'directory', reason);
  }
  const opened: Opened = { source, directoryStart, context, checksums, kept: new Map() };
  const regions = new Map<string, Region>();
  return {
    sizes,
    region: (name) => {
      const known = regions.get(name);
      if (known) return known;
      const entry = entries.get(name);
      if (!entry) throw new RangeError(`the archive has no entry ${quoted(name)}`);
      const region = entry.method === 0 ? storedRegion(entry, opened) : deflatedRegion(entry, opened);
      regions.set(name, region);
      return region;
    },
  };
}

function checkEntry(entry: ZipEntry, { refuse }: CheckpointContext): void {
  if (entry.flags & 0x2041) throw refuse('unsupported', placeOf(entry), 'it is encrypted');
  if (entry.method !== 0 && entry.method !== 8) {
    const reason = `compression method ${entry.method} is not read, only stored and deflated`;
    throw refuse('unsupported', placeOf(entry), reason);
  }
  if (entry.method === 0 && entry.size !== entry.compressedSize) {
    const reason = `stored with ${entry.compressedSize} bytes, but its size is ${entry.size}`;
    throw refuse('malformed', placeOf(entry), reason);
  }
}

/** Returns the offset of an entry's data. Its local header must repeat the directory, or readers would disagree. */
async function dataStart(entry: ZipEntry, { source, directoryStart, context }: Opened): Promise<number> {
  const { refuse } = context;
  const place = placeOf(entry);
  // one read takes the name and the padding that torch.save puts into the extra field, too; longer ones take a second
  let header = await source.read(entry.offset, Math.min(512, directoryStart - entry.offset));
  const view = viewOf(header);
  if (view.getUint32(0, true) !== 0x04034b50) {
    throw refuse('malformed', place, `there is no local header at its offset ${entry.offset}`);
  }
  const nameBytes = view.getUint16(26, true);
  const extraBytes = view.getUint16(28, true);
  const start = entry.offset + 30 + nameBytes + extraBytes;
  if (start + entry.compressedSize > directoryStart) {
    throw refuse('malformed', place, 'its data runs into the directory');
  }
  const length = 30 + nameBytes + extraBytes;
  if (length > header.length) header = await source.read(entry.offset, length);
  const rest = header.subarray(30, length);
  const local = entryName(rest.subarray(0, nameBytes), place, context);
  if (local !== entry.name) throw refuse('malformed', place, `its local header names ${quoted(local)}`);
  if (view.getUint16(6, true) !== entry.flags || view.getUint16(8, true) !== entry.method) {
    throw refuse('malformed', place, 'its local header has other flags or another method than the directory');
  }
  const stated = { size: view.getUint32(22, true), compressedSize: view.getUint32(18, true) };
  const later = (entry.flags & 8) !== 0; // sizes and CRC follow the data, the header may leave them 0
  const extra = rest.subarray(nameBytes);
  const leftOut = later && (stated.size === 0 || extra.length === 0);
  const sizes = leftOut ? stated : wideSizes(stated, extra, place, context);
  const agrees = (value: number, expected: number) =>
    value === expected || (later && (value === 0 || value === u32max));
  if (
    !agrees(sizes.size, entry.size) ||
    !agrees(sizes.compressedSize, entry.compressedSize) ||
    !agrees(view.getUint32(14, true), entry.crc)
  ) {
    throw refuse('malformed', place, 'its local header has other sizes or another checksum than the directory');
  }
  return start;
}

function checkCrc(crc: number, entry: ZipEntry, { context }: Opened): void {
  if (crc === entry.crc) return;
  throw context.refuse('checksum', placeOf(entry), 'its bytes do not give the checksum that the archive holds');
}

const scanBytes = 2 ** 20;

function storedRegion(entry: ZipEntry, opened: Opened): Region {
  const { source } = opened;
  let start: Promise<number> | undefined;
  let verified = !opened.checksums;
  return {
    size: entry.size,
    readInto: async (target, from) => {
      start ??= dataStart(entry, opened);
      const data = await start;
      if (!verified && target.length < entry.size) {
        // many views may share a storage: its checksum is taken once, without keeping it
        const block = new Uint8Array(Math.min(scanBytes, entry.size));
        let crc = 0;
        for (let at = 0; at < entry.size; at += block.length) {
          const part = block.subarray(0, Math.min(block.length, entry.size - at));
          await readInto(source, part, data + at);
          crc = crc32(part, crc);
        }
        checkCrc(crc, entry, opened);
        verified = true;
      }
      await readInto(source, target, data + from);
      if (verified) return;
      checkCrc(crc32(target), entry, opened);
      verified = true;
    },
  };
}

/**
 * The most bytes of inflated entries that are kept. A small file may inflate to as much (`inflatedBytes`), and its views
 * may be many: each would inflate its entry again.
 */
const keptBytes = 64 * 2 ** 20;

function makeRoom(kept: Map<ZipEntry, Uint8Array>, size: number): void {
  let total = size;
  for (const entry of kept.keys()) total += entry.size;
  for (const entry of kept.keys()) {
    if (total <= keptBytes) return;
    kept.delete(entry);
    total -= entry.size;
  }
}

function deflatedRegion(entry: ZipEntry, opened: Opened): Region {
  const { source, checksums } = opened;
  const { refuse } = opened.context;
  const inflateInto = async (target: Uint8Array, from: number) => {
    const start = await dataStart(entry, opened);
    let at = 0;
    let crc = 0;
    try {
      for await (const block of inflate(source, start, entry.compressedSize)) {
        if (at + block.length > entry.size) {
          throw refuse('malformed', placeOf(entry), `it inflates to more than the ${entry.size} bytes that it states`);
        }
        if (checksums) crc = crc32(block, crc);
        const [first, last] = [Math.max(at, from), Math.min(at + block.length, from + target.length)];
        if (first < last) target.set(block.subarray(first - at, last - at), first - from);
        at += block.length;
      }
    } catch (cause) {
      if (isRefusal(cause)) throw cause;
      throw refuse('malformed', placeOf(entry), 'its deflate data is broken', undefined, cause);
    }
    if (at < entry.size) {
      throw refuse('truncated', placeOf(entry), `it inflates to ${at} of the ${entry.size} bytes that it states`);
    }
    if (checksums) checkCrc(crc, entry, opened);
  };

  return {
    size: entry.size,
    readInto: async (target, from) => {
      if (target.length === entry.size || entry.size > keptBytes) return inflateInto(target, from);
      let bytes = opened.kept.get(entry);
      if (!bytes) {
        makeRoom(opened.kept, entry.size);
        bytes = new Uint8Array(entry.size);
        await inflateInto(bytes, 0);
        opened.kept.set(entry, bytes);
      }
      target.set(bytes.subarray(from, from + target.length));
    },
  };
}
