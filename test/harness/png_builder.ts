import { deflateSync } from 'node:zlib';
import { crc32 } from '../../src/formats/inflate.ts';
import { pngSignature } from '../../src/formats/png_chunks.ts';

/** Writes PNG files of every kind for tests. Only the CRC is shared with the reader. */

export interface PngSpec {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  readonly interlaced?: boolean;
  /** Returns a sample of pixel (x, y), below 2^depth. */
  readonly sample: (x: number, y: number, channel: number) => number;
  /** Returns the filter of a row. By default all five take turns. */
  readonly filter?: (row: number) => number;
  /** Chunks between header and data. */
  readonly before?: readonly Uint8Array[];
  /** Changes the filtered data before it is compressed. */
  readonly edit?: (filtered: Uint8Array) => Uint8Array;
}

export function chunk(type: string, data: Uint8Array | readonly number[] = []): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

export function join(...parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

export function header({ width, height, depth, colorType, interlaced }: Omit<PngSpec, 'sample'>): Uint8Array {
  const data = new Uint8Array(13);
  const view = new DataView(data.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  data.set([depth, colorType, 0, 0, interlaced ? 1 : 0], 8);
  return chunk('IHDR', data);
}

export function buildPng(spec: PngSpec): Uint8Array {
  const filtered = filteredData(spec);
  const data = deflateSync(spec.edit ? spec.edit(filtered) : filtered);
  // two IDAT chunks, the first of 5 bytes, so that every file tests the joining
  return join(
    pngSignature,
    header(spec),
    ...(spec.before ?? []),
    chunk('IDAT', data.subarray(0, 5)),
    chunk('IDAT', data.subarray(5)),
    chunk('IEND'),
  );
}

const channelsOf: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/** The pass of each pixel of the 8 × 8 pattern, as in the standard's figure. */
const pattern = ['16462646', '77777777', '56565656', '77777777', '36463646', '77777777', '56565656', '77777777'];

function filteredData(spec: PngSpec): Uint8Array {
  const { width, height, depth, colorType, interlaced, sample } = spec;
  const channels = channelsOf[colorType]!;
  const distance = Math.max(1, (depth * channels) >> 3);
  const out: number[] = [];
  for (const pass of interlaced ? [1, 2, 3, 4, 5, 6, 7] : [0]) {
    let above: number[] = [];
    let rowIndex = 0;
    for (let y = 0; y < height; y++) {
      const bits: string[] = [];
      for (let x = 0; x < width; x++) {
        if (interlaced && Number(pattern[y % 8]![x % 8]) !== pass) continue;
        for (let c = 0; c < channels; c++) bits.push(sample(x, y, c).toString(2).padStart(depth, '0'));
      }
      if (bits.length === 0) continue;
      const row = bits
        .join('')
        .match(/.{1,8}/g)!
        .map((byte) => Number.parseInt(byte.padEnd(8, '0'), 2));
      const filter = spec.filter ? spec.filter(y) : rowIndex % 5;
      out.push(filter, ...row.map((byte, i) => (byte - predict(filter, i, distance, row, above)) & 255));
      above = row;
      rowIndex++;
    }
  }
  return Uint8Array.from(out);
}

function predict(
  filter: number,
  i: number,
  distance: number,
  row: readonly number[],
  above: readonly number[],
): number {
  const a = i < distance ? 0 : row[i - distance]!;
  const b = above[i] ?? 0;
  const c = i < distance ? 0 : (above[i - distance] ?? 0);
  if (filter === 1) return a;
  if (filter === 2) return b;
  if (filter === 3) return Math.floor((a + b) / 2);
  if (filter !== 4) return 0;
  const p = a + b - c;
  const [pa, pb, pc] = [Math.abs(p - a), Math.abs(p - b), Math.abs(p - c)];
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}
