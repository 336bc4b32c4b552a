import { CheckpointError } from '../errors.ts';
import { type CheckpointLimits, quoted, type RefuseCheckpoint } from './context.ts';
import { crc32, inflate } from './inflate.ts';
import { type Region, readInto, type Source } from './source.ts';

/** One entry as the central directory describes it. */
export interface ZipEntry {
  readonly name: string;
  readonly flags: number;
  /** 0 stored, 8 deflated. */
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Of the local header. */
  readonly offset: number;
}

export interface ZipDirectory {
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where entries must have ended. */
  readonly start: number;
}

const endBytes = 22;
const u16max = 0xffff;
const u32max = 0xffffffff;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface End {
  readonly count: number;
  readonly size: number;
  readonly start: number;
}

/**
 * Reads the central directory, in zip32 or zip64 form. Archives whose records disagree with each other or with the
 * file's size, or that two readers could understand differently, are refused.
 */
export async function readZipDirectory(
  source: Source,
  limits: CheckpointLimits,
  refuse: RefuseCheckpoint,
): Promise<ZipDirectory> {
  const end = await readEnd(source, refuse);
  if (end.count > limits.zipEntries) {
    throw refuse('limit', 'end record', `it counts ${end.count} entries, the limit is ${limits.zipEntries}`);
  }
  // every directory record takes at least 46 bytes and its name; names of a checkpoint are short
  if (end.size > end.count * (46 + 3 * u16max)) {
    throw refuse('malformed', 'end record', `a directory of ${end.size} bytes for ${end.count} entries`);
  }
  const entries = parseDirectory(await source.read(end.start, end.size), end, refuse);
  checkOverlap(entries, end.start, refuse);
  return { entries, start: end.start };
}

async function readEnd(source: Source, refuse: RefuseCheckpoint): Promise<End> {
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

  const disks = [view.getUint16(at + 4, true), view.getUint16(at + 6, true)];
  const counts = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
  const end = { count: counts[1]!, size: view.getUint32(at + 12, true), start: view.getUint32(at + 16, true) };
  const zip64 = await readZip64End(source, tailStart + at, refuse);
  if (!zip64 && (disks.some(Boolean) || counts[0] !== counts[1])) {
    throw refuse('unsupported', 'end record', 'the archive is one part of several');
  }
  const directory = zip64 ? mergeZip64(end, zip64, refuse) : end;
  const expectedEnd = zip64?.position ?? tailStart + at;
  if (directory.start + directory.size !== expectedEnd) {
    const stated = `bytes ${directory.start} to ${directory.start + directory.size}`;
    throw refuse('malformed', 'end record', `it puts the directory at ${stated}, but it must end at ${expectedEnd}`);
  }
  return directory;
}

async function readZip64End(source: Source, endPosition: number, refuse: RefuseCheckpoint) {
  if (endPosition < 20 + 56) return undefined;
  const locator = viewOf(await source.read(endPosition - 20, 20));
  if (locator.getUint32(0, true) !== 0x07064b50) return undefined;
  const position = Number(locator.getBigUint64(8, true));
  if (locator.getUint32(4, true) !== 0 || locator.getUint32(16, true) > 1) {
    throw refuse('unsupported', 'zip64 locator', 'the archive is one part of several');
  }
  if (position + 56 > endPosition - 20)
    throw refuse('malformed', 'zip64 locator', `it points at ${position}, past itself`);
  const record = viewOf(await source.read(position, 56));
  const length = Number(record.getBigUint64(4, true));
  if (record.getUint32(0, true) !== 0x06064b50 || position + 12 + length !== endPosition - 20) {
    throw refuse('malformed', `offset ${position}`, 'there is no zip64 end record where its locator points');
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

function mergeZip64(end: End, zip64: End, refuse: RefuseCheckpoint): End {
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

function parseDirectory(bytes: Uint8Array, end: End, refuse: RefuseCheckpoint): Map<string, ZipEntry> {
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
    const name = entryName(bytes.subarray(at + 46, at + 46 + nameBytes), place, refuse);
    if (entries.has(name)) throw refuse('malformed', `entry ${quoted(name)}`, 'two entries have this name');
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
      ...wideSizes(sizes, extra, `entry ${quoted(name)}`, refuse),
    });
    at = next;
  }
  if (at !== bytes.length) {
    throw refuse(
      'malformed',
      'directory',
      `${bytes.length - at} bytes follow the ${end.count} entries that the end record counts`,
    );
  }
  return entries;
}

/** The decoded name; names that would mean different files to different readers are refused. */
export function entryName(bytes: Uint8Array, place: string, refuse: RefuseCheckpoint): string {
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
export function wideSizes<T extends Record<string, number>>(
  sizes: T,
  extra: Uint8Array,
  place: string,
  refuse: RefuseCheckpoint,
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

function checkOverlap(entries: ReadonlyMap<string, ZipEntry>, directoryStart: number, refuse: RefuseCheckpoint): void {
  const ordered = [...entries.values()].sort((a, b) => a.offset - b.offset);
  ordered.forEach(({ name, offset, compressedSize }, i) => {
    // the local header repeats the name and may add an extra field: this much at least
    const end = offset + 30 + new TextEncoder().encode(name).length + compressedSize;
    const limit = ordered[i + 1]?.offset ?? directoryStart;
    if (end <= limit) return;
    const what = limit === directoryStart ? 'the directory' : `entry ${quoted(ordered[i + 1]!.name)}`;
    throw refuse('malformed', `entry ${quoted(name)}`, `its bytes ${offset} to ${end} run into ${what} at ${limit}`);
  });
}

/** A zip archive whose entries are read by position, and checked when they are read. */
export interface ZipArchive {
  /** Sizes by name, as the central directory has them. */
  readonly sizes: ReadonlyMap<string, number>;
  /** The bytes of an entry, checked against its CRC before any of them is used. */
  region(name: string): Region;
  /** All of a small entry. */
  readAll(name: string): Promise<Uint8Array>;
}

/**
 * Opens a zip archive with stored or deflated entries.
 *
 * @throws CheckpointRefusal, here for what the directory tells, on reading for headers, CRC and deflate data.
 */
export async function openZip(source: Source, limits: CheckpointLimits, refuse: RefuseCheckpoint): Promise<ZipArchive> {
  const directory = await readZipDirectory(source, limits, refuse);
  const entries = [...directory.entries.values()];
  for (const entry of entries) checkEntry(entry, refuse);
  const inflated = entries.reduce((sum, entry) => sum + (entry.method === 8 ? entry.size : 0), 0);
  const allowed = Math.max(limits.inflatedBytes, limits.inflatedRatio * source.size);
  if (inflated > allowed) {
    throw refuse(
      'limit',
      'directory',
      `its entries inflate to ${inflated} bytes, the limit for this file is ${allowed}`,
    );
  }
  // torch.save can be told to leave checksums out; then all are 0, which real ones never are together
  const checksums = entries.some((entry) => entry.crc !== 0);
  const regions = new Map<string, Region>();
  const kept: Kept = {};
  const archive: ZipArchive = {
    sizes: new Map(entries.map((entry) => [entry.name, entry.size])),
    region: (name) => {
      const known = regions.get(name);
      if (known) return known;
      const entry = directory.entries.get(name)!;
      const region =
        entry.method === 0
          ? storedRegion(source, entry, directory, checksums, refuse)
          : deflatedRegion(source, entry, directory, checksums, kept, refuse);
      regions.set(name, region);
      return region;
    },
    readAll: async (name) => {
      const region = archive.region(name);
      const bytes = new Uint8Array(region.size);
      await region.readInto(bytes, 0);
      return bytes;
    },
  };
  return archive;
}

const placeOf = (entry: ZipEntry) => `entry ${quoted(entry.name)}`;

function checkEntry(entry: ZipEntry, refuse: RefuseCheckpoint): void {
  if (entry.flags & 0x2041) throw refuse('unsupported', placeOf(entry), 'it is encrypted');
  if (entry.method !== 0 && entry.method !== 8) {
    throw refuse(
      'unsupported',
      placeOf(entry),
      `compression method ${entry.method} is not read, only stored and deflated`,
    );
  }
  if (entry.method === 0 && entry.size !== entry.compressedSize) {
    throw refuse(
      'malformed',
      placeOf(entry),
      `stored with ${entry.compressedSize} bytes, but its size is ${entry.size}`,
    );
  }
}

/** Where an entry's data begins. The local header repeats the directory; where the two disagree, readers would too. */
async function dataStart(
  source: Source,
  entry: ZipEntry,
  directory: ZipDirectory,
  refuse: RefuseCheckpoint,
): Promise<number> {
  const place = placeOf(entry);
  // one read takes the name and the padding that torch.save puts into the extra field, too; longer ones take a second
  let header = await source.read(entry.offset, Math.min(512, directory.start - entry.offset));
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  if (view.getUint32(0, true) !== 0x04034b50) {
    throw refuse('malformed', place, `there is no local header at its offset ${entry.offset}`);
  }
  const nameBytes = view.getUint16(26, true);
  const extraBytes = view.getUint16(28, true);
  const start = entry.offset + 30 + nameBytes + extraBytes;
  if (start + entry.compressedSize > directory.start) {
    throw refuse('malformed', place, 'its data runs into the directory');
  }
  const length = 30 + nameBytes + extraBytes;
  if (length > header.length) header = await source.read(entry.offset, length);
  const rest = header.subarray(30, length);
  const local = entryName(rest.subarray(0, nameBytes), place, refuse);
  if (local !== entry.name) throw refuse('malformed', place, `its local header names ${quoted(local)}`);
  if (view.getUint16(6, true) !== entry.flags || view.getUint16(8, true) !== entry.method) {
    throw refuse('malformed', place, 'its local header has other flags or another method than the directory');
  }
  const stated = { size: view.getUint32(22, true), compressedSize: view.getUint32(18, true) };
  const later = (entry.flags & 8) !== 0; // sizes and CRC follow the data, the header may leave them 0
  const extra = rest.subarray(nameBytes);
  const leftOut = later && (stated.size === 0 || extra.length === 0);
  const sizes = leftOut ? stated : wideSizes(stated, extra, place, refuse);
  const agrees = (value: number, expected: number) =>
    value === expected || (later && (value === 0 || value === 0xffffffff));
  if (
    !agrees(sizes.size, entry.size) ||
    !agrees(sizes.compressedSize, entry.compressedSize) ||
    !agrees(view.getUint32(14, true), entry.crc)
  ) {
    throw refuse('malformed', place, 'its local header has other sizes or another checksum than the directory');
  }
  return start;
}

function wrongChecksum(entry: ZipEntry, refuse: RefuseCheckpoint) {
  return refuse('checksum', placeOf(entry), 'its bytes do not give the checksum that the archive holds');
}

const scanBytes = 2 ** 20;

function storedRegion(
  source: Source,
  entry: ZipEntry,
  directory: ZipDirectory,
  checksums: boolean,
  refuse: RefuseCheckpoint,
): Region {
  let start: Promise<number> | undefined;
  let verified = !checksums;
  return {
    size: entry.size,
    readInto: async (target, from) => {
      start ??= dataStart(source, entry, directory, refuse);
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
        if (crc !== entry.crc) throw wrongChecksum(entry, refuse);
        verified = true;
      }
      await readInto(source, target, data + from);
      if (verified) return;
      if (crc32(target) !== entry.crc) throw wrongChecksum(entry, refuse);
      verified = true;
    },
  };
}

/** The inflated storage that was read in part last is kept, up to this size, since other views of it follow. */
const keptBytes = 16 * 2 ** 20;

interface Kept {
  entry?: ZipEntry;
  bytes?: Uint8Array;
}

function deflatedRegion(
  source: Source,
  entry: ZipEntry,
  directory: ZipDirectory,
  checksums: boolean,
  kept: Kept,
  refuse: RefuseCheckpoint,
): Region {
  const inflateInto = async (target: Uint8Array, from: number) => {
    const start = await dataStart(source, entry, directory, refuse);
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
      if (cause instanceof CheckpointError) throw cause;
      throw refuse('malformed', placeOf(entry), 'its deflate data is broken', undefined, cause);
    }
    if (at < entry.size)
      throw refuse('truncated', placeOf(entry), `it inflates to ${at} of the ${entry.size} bytes that it states`);
    if (checksums && crc !== entry.crc) throw wrongChecksum(entry, refuse);
  };

  return {
    size: entry.size,
    readInto: async (target, from) => {
      if (target.length === entry.size || entry.size > keptBytes) return inflateInto(target, from);
      if (kept.entry !== entry) {
        const whole = new Uint8Array(entry.size);
        await inflateInto(whole, 0);
        Object.assign(kept, { entry, bytes: whole });
      }
      target.set(kept.bytes!.subarray(from, from + target.length));
    },
  };
}
