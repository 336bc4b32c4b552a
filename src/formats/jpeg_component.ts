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
export function cutComponent(bytes: Uint8Array, component: CutComponent): Uint8Array | undefined {
  const out = new ByteList();
  out.push([0xff, 0xd8]);
  const tables = new Map<number, CodeTable>();
  let blocksOf = new Map<number, number>();
  let interval = 0;
  let progressive = false;
  for (let at = 2; at + 4 <= bytes.length; ) {
    while (bytes[at + 1] === 0xff) at++; // fill bytes
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return undefined;
    if (marker === 0xd9) break;
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    const segment = bytes.subarray(at + 4, end);
    if (marker === 0xc4 && !readTables(segment, tables)) return undefined;
    if (marker === 0xdd) interval = (segment[0]! << 8) | segment[1]!;
    if (marker === 0xdb || marker === 0xc4 || marker === 0xdd) out.push(bytes.subarray(at, end));
    if (marker >= 0xc0 && marker <= 0xc2) {
      progressive = marker === 0xc2;
      const parts = [...segment.subarray(6)];
      blocksOf = new Map(Array.from({ length: segment[5]! }, (_, i) => [parts[3 * i]!, factor(parts[3 * i + 1]!)]));
      const quantiser = parts[3 * [...blocksOf.keys()].indexOf(component.id) + 2]!;
      const { width, height, id } = component;
      out.push([0xff, marker, 0, 11, 8, height >> 8, height & 255, width >> 8, width & 255, 1, id, 0x11, quantiser]);
    }
    at = end;
    if (marker !== 0xda) continue;
    const scan = readScan(segment);
    const dataEnd = endOfData(bytes, at);
    const own = scan.components.find(({ id }) => id === component.id);
    if (own) {
      out.push([0xff, 0xda, 0, 8, 1, own.id, own.selectors, ...scan.spectrum]);
      const data = bytes.subarray(at, dataEnd);
      const blocks = scan.components.flatMap(({ id, selectors }): BlockCode[] => {
        const code = { dc: tables.get(selectors >> 4), ac: tables.get(0x10 | (selectors & 15)), own: id === own.id };
        return Array.from({ length: blocksOf.get(id) ?? 0 }, () => code);
      });
      const mcus = Math.ceil(component.width / 8) * Math.ceil(component.height / 8);
      const [start, , approximation] = scan.spectrum;
      if (scan.components.length === 1) out.push(data);
      else if (progressive && start !== 0) return undefined;
      else if (
        !copyBlocks(data, out, {
          blocks,
          mcus,
          interval,
          kind: progressive ? (approximation! >> 4 ? 'bit' : 'mean') : 'block',
        })
      )
        return undefined;
    }
    at = dataEnd;
  }
  out.push([0xff, 0xd9]);
  return out.bytes();
}

const factor = (sampling: number): number => (sampling >> 4) * (sampling & 15);

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

function copyBlocks(data: Uint8Array, out: ByteList, { blocks, mcus, interval, kind }: Copy): boolean {
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
      if (data[at] !== 0xff || data[at + 1] !== 0xd0 + ((mcu / interval - 1) & 7)) return false;
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
      if (!dc || takeCode(dc, own) < 0) return false;
      for (let k = 1; kind === 'block' && k < 64; k++) {
        const symbol = ac ? takeCode(ac, own) : -1;
        if (symbol < 0) return false;
        if (symbol === 0) break; // the end of the block
        k += symbol >> 4;
      }
    }
    // a few bytes are looked at ahead
    if (missing > 4) return false;
  }
  writer.flush();
  return true;
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
