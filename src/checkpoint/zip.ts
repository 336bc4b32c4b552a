import { crc32 } from '../crc32.ts';
import { CheckpointError } from '../errors.ts';
import { inflate } from './inflate.ts';
import type { CheckpointLimits } from './limits.ts';
import { quoted, type Refuse } from './refusal.ts';
import type { Region } from './region.ts';
import { readInto, type Source } from './source.ts';
import { entryName, readZipDirectory, wideSizes, type ZipDirectory, type ZipEntry } from './zip_directory.ts';

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
export async function openZip(source: Source, limits: CheckpointLimits, refuse: Refuse): Promise<ZipArchive> {
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

function checkEntry(entry: ZipEntry, refuse: Refuse): void {
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
async function dataStart(source: Source, entry: ZipEntry, directory: ZipDirectory, refuse: Refuse): Promise<number> {
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

function wrongChecksum(entry: ZipEntry, refuse: Refuse) {
  return refuse('checksum', placeOf(entry), 'its bytes do not give the checksum that the archive holds');
}

const scanBytes = 2 ** 20;

function storedRegion(
  source: Source,
  entry: ZipEntry,
  directory: ZipDirectory,
  checksums: boolean,
  refuse: Refuse,
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
  refuse: Refuse,
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
