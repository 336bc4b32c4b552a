import type { Frame } from './jpeg_markers.ts';

/**
 * Cuts one component out of a JPEG without decoding it: the result is a grey JPEG of that component as it is stored. The
 * Huffman codes of its blocks are copied bit by bit, since the prediction of means runs within a component. It serves
 * images sampled 4:4:0, whose colours the decoder enlarges by an older rule than OpenCV (`jpeg_440.ts`).
 */

/** A component that has one block in each MCU. */
export interface CutComponent {
  readonly id: number;
  readonly width: number;
  readonly height: number;
}

/** For the next 16 bits: the length of the code that they begin with × 256 + its symbol; 0 if there is none. */
type CodeTable = Uint16Array;

/** Returns undefined if the file is not as encoders write it. `bytes` have passed `readMarkers`. */
export function cutComponent(bytes: Uint8Array, { components }: Frame, cut: CutComponent): Uint8Array | undefined {
  const out = new ByteList();
  out.push([0xff, 0xd8]);
  const state: CodingState = { tables: new Map(), interval: 0 };
  let progressive = false;
  for (const part of partsOf(bytes)) {
    const { marker, segment, data } = part;
    if (!heed(part, state)) return undefined;
    if (marker === 0xdb || marker === 0xc4 || marker === 0xdd) out.push(part.raw);
    if (marker >= 0xc0 && marker <= 0xc2) {
      progressive = marker === 0xc2;
      const quantiser = segment[8 + 3 * components.findIndex(({ id }) => id === cut.id)]!;
      const { width, height, id } = cut;
      out.push([0xff, marker, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255, 1, id, 0x11, quantiser]);
    }
    if (!data) continue;
    const scan = readScan(segment);
    const own = scan.components.find(({ id }) => id === cut.id);
    if (!own) continue;
    out.push([0xff, 0xda, 0, 8, 1, own.id, own.selectors, ...scan.spectrum]);
    if (scan.components.length === 1) {
      out.push(data);
      continue;
    }
    const [start, , approximation = 0] = scan.spectrum;
    if (progressive && start !== 0) return undefined;
    const left = copyBlocks(data, out, {
      blocks: blocksOfMcu(scan.components, components, state, cut.id),
      mcus: Math.ceil(cut.width / 8) * Math.ceil(cut.height / 8),
      interval: state.interval,
      kind: progressive ? (approximation >> 4 ? 'bit' : 'mean') : 'block',
    });
    if (left < 0) return undefined;
  }
  out.push([0xff, 0xd9]);
  return out.bytes();
}

/**
 * Returns the bytes that the last scan of a sequential JPEG has beyond its blocks. Undefined if it cannot be told: if the
 * file relies on tables that it lacks, or is not as encoders write it.
 */
export function surplusOf(bytes: Uint8Array, { width, height, components }: Frame): Uint8Array | undefined {
  const state: CodingState = { tables: new Map(), interval: 0 };
  const [across, down] = [
    Math.max(...components.map((c) => c.horizontal)),
    Math.max(...components.map((c) => c.vertical)),
  ];
  let surplus: Uint8Array | undefined;
  for (const part of partsOf(bytes)) {
    if (!heed(part, state)) return undefined;
    if (!part.data) continue;
    const scan = readScan(part.segment);
    const alone = scan.components.length === 1 ? components.find(({ id }) => id === scan.components[0]!.id) : undefined;
    // a component that stands alone has one block in each MCU, and no blocks beyond its own edge
    const [columns, rows] = alone
      ? [Math.ceil((width * alone.horizontal) / across), Math.ceil((height * alone.vertical) / down)]
      : [width / across, height / down];
    const left = copyBlocks(part.data, new ByteList(), {
      blocks: blocksOfMcu(scan.components, alone ? [{ ...alone, horizontal: 1, vertical: 1 }] : components, state),
      mcus: Math.ceil(columns / 8) * Math.ceil(rows / 8),
      interval: state.interval,
      kind: 'block',
    });
    if (left < 0) return undefined;
    surplus = part.data.subarray(part.data.length - left);
  }
  return surplus;
}

interface Part {
  readonly marker: number;
  /** The marker and its segment. */
  readonly raw: Uint8Array;
  /** Without marker and length. */
  readonly segment: Uint8Array;
  /** The data that follows the header of a scan. */
  readonly data: Uint8Array | undefined;
}

/** Yields the segments up to the end marker. */
function* partsOf(bytes: Uint8Array): Generator<Part> {
  for (let at = 2; at + 4 <= bytes.length; ) {
    while (bytes[at + 1] === 0xff) at++; // fill bytes
    const marker = bytes[at + 1]!;
    if (marker === 0xd9) return;
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    const next = marker === 0xda ? endOfData(bytes, end) : end;
    const data = marker === 0xda ? bytes.subarray(end, next) : undefined;
    yield { marker, raw: bytes.subarray(at, end), segment: bytes.subarray(at + 4, end), data };
    at = next;
  }
}

/** What segments set for the scans that follow. */
interface CodingState {
  readonly tables: Map<number, CodeTable>;
  interval: number;
}

/** Takes over Huffman tables and the restart interval. Returns false if they are broken. */
function heed({ marker, segment }: Part, state: CodingState): boolean {
  if (marker === 0xdd) state.interval = (segment[0]! << 8) | segment[1]!;
  return marker !== 0xc4 || readTables(segment, state.tables);
}

/** Returns the blocks of an MCU in their order. */
function blocksOfMcu(
  scanned: readonly { readonly id: number; readonly selectors: number }[],
  components: Frame['components'],
  { tables }: CodingState,
  own?: number,
): BlockCode[] {
  return scanned.flatMap(({ id, selectors }) => {
    const { horizontal = 0, vertical = 0 } = components.find((component) => component.id === id) ?? {};
    const code = { dc: tables.get(selectors >> 4), ac: tables.get(0x10 | (selectors & 15)), own: id === own };
    return Array.from({ length: horizontal * vertical }, () => code);
  });
}

function readScan(segment: Uint8Array) {
  const count = segment[0]!;
  const components = Array.from({ length: count }, (_, i) => ({
    id: segment[1 + 2 * i]!,
    selectors: segment[2 + 2 * i]!,
  }));
  return { components, spectrum: [...segment.subarray(1 + 2 * count, 4 + 2 * count)] };
}

function endOfData(bytes: Uint8Array, at: number): number {
  for (let i = bytes.indexOf(0xff, at); i >= 0 && i + 1 < bytes.length; i = bytes.indexOf(0xff, i + 1)) {
    const next = bytes[i + 1]!;
    if (next !== 0 && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return i;
  }
  return bytes.length;
}

/** Reads the Huffman tables of a segment (T.81, B.2.4.2), by class × 16 + number. */
function readTables(segment: Uint8Array, tables: Map<number, CodeTable>): boolean {
  for (let at = 0; at + 17 <= segment.length; ) {
    const name = segment[at]!;
    const table = new Uint16Array(65536);
    let code = 0;
    let symbol = at + 17;
    for (let length = 1; length <= 16; length++) {
      for (let i = 0; i < segment[at + length]!; i++, code++) {
        const first = code << (16 - length);
        const last = (code + 1) << (16 - length);
        if (last > 65536 || symbol >= segment.length) return false;
        table.fill((length << 8) | segment[symbol++]!, first, last);
      }
      code <<= 1;
    }
    tables.set(name, table);
    at = symbol;
  }
  return true;
}

interface BlockCode {
  readonly dc: CodeTable | undefined;
  readonly ac: CodeTable | undefined;
  /** Whether its bits are copied. */
  readonly own: boolean;
}

interface Copy {
  /** The blocks of an MCU, in their order. */
  readonly blocks: readonly BlockCode[];
  readonly mcus: number;
  /** MCUs between restart markers; 0 if there are none. */
  readonly interval: number;
  /** What a block has in this scan: all coefficients, the mean, or a bit that refines it. */
  readonly kind: 'block' | 'mean' | 'bit';
}

/** Returns how many bytes of data are left, -1 if they are not as encoders write them. */
function copyBlocks(data: Uint8Array, out: ByteList, { blocks, mcus, interval, kind }: Copy): number {
  let at = 0;
  let buffer = 0;
  let held = 0;
  let missing = 0;
  const writer = new BitWriter(out);
  const peek = (): number => {
    while (held < 16) {
      let byte = data[at] ?? 0;
      if (at >= data.length) missing++;
      else if (byte !== 0xff) at++;
      else if (data[at + 1] === 0) at += 2;
      else [byte, missing] = [0, missing + 1]; // a marker: the data of this interval has ended
      buffer = (buffer << 8) | byte;
      held += 8;
    }
    return (buffer >>> (held - 16)) & 0xffff;
  };
  const take = (count: number, own: boolean): void => {
    if (count === 0) return;
    if (own) writer.put(peek() >>> (16 - count), count);
    else peek();
    held -= count;
  };
  /** Takes a code and the bits that its symbol announces. Returns the symbol, -1 if there is no such code. */
  const takeCode = (table: CodeTable, own: boolean): number => {
    const found = table[peek()]!;
    if (found === 0) return -1;
    take(found >> 8, own);
    take(found & 15, own);
    return found & 255;
  };
  for (let mcu = 0; mcu < mcus; mcu++) {
    if (interval > 0 && mcu > 0 && mcu % interval === 0) {
      while (data[at] === 0xff && data[at + 1] === 0xff) at++;
      if (data[at] !== 0xff || data[at + 1] !== 0xd0 + ((mcu / interval - 1) & 7)) return -1;
      writer.flush();
      out.push([0xff, data[at + 1]!]);
      at += 2;
      [buffer, held, missing] = [0, 0, 0];
    }
    for (const { dc, ac, own } of blocks) {
      if (kind === 'bit') {
        take(1, own);
        continue;
      }
      if (!dc || takeCode(dc, own) < 0) return -1;
      for (let k = 1; kind === 'block' && k < 64; k++) {
        const symbol = ac ? takeCode(ac, own) : -1;
        if (symbol < 0) return -1;
        if (symbol === 0) break; // the end of the block
        k += symbol >> 4;
      }
    }
    // a few bytes are looked at ahead
    if (missing > 4) return -1;
  }
  writer.flush();
  return data.length - at + Math.max(0, (held >> 3) - missing);
}

/** Bytes that become more. */
class ByteList {
  private data = new Uint8Array(65536);
  private length = 0;

  push(bytes: Uint8Array | readonly number[]): void {
    this.reserve(bytes.length);
    this.data.set(bytes, this.length);
    this.length += bytes.length;
  }

  pushByte(byte: number): void {
    this.reserve(1);
    this.data[this.length++] = byte;
  }

  bytes(): Uint8Array {
    return this.data.subarray(0, this.length);
  }

  private reserve(more: number): void {
    if (this.length + more <= this.data.length) return;
    const larger = new Uint8Array(2 * (this.length + more));
    larger.set(this.data);
    this.data = larger;
  }
}

/** Writes bits, the highest first, with a zero after each byte of ones. */
class BitWriter {
  private buffer = 0;
  private held = 0;

  constructor(private readonly out: ByteList) {}

  put(bits: number, count: number): void {
    this.buffer = (this.buffer << count) | bits;
    this.held += count;
    while (this.held >= 8) {
      this.held -= 8;
      const byte = (this.buffer >>> this.held) & 255;
      this.out.pushByte(byte);
      if (byte === 0xff) this.out.pushByte(0);
    }
    this.buffer &= (1 << this.held) - 1;
  }

  /** Fills the last byte with ones. */
  flush(): void {
    if (this.held > 0) this.put((1 << (8 - this.held)) - 1, 8 - this.held);
  }
}
