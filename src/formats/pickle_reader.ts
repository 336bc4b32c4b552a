import { exact } from './pickle_values.ts';

/** Reads numbers, text and bytes of a pickle, one after the other. */

/** Thrown if the bytes end inside a pickle: the file is cut short, or a longer piece has to be read. */
export class PickleEnd extends Error {}

/** Thrown for bytes that should be text and are not. */
export class NotText extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/** A cursor over pickle bytes. Every length is checked against what is there before anything is allocated. */
export class PickleReader {
  private readonly view: DataView;
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves over `count` bytes and returns their offset. */
  private over(count: number): number {
    const start = this.at;
    if (!(count <= this.bytes.length - start)) throw new PickleEnd(`the data ends at byte ${this.bytes.length}`);
    this.at = start + count;
    return start;
  }

  u8(): number {
    return this.bytes[this.over(1)]!;
  }
  u16(): number {
    return this.view.getUint16(this.over(2), true);
  }
  i32(): number {
    return this.view.getInt32(this.over(4), true);
  }
  u32(): number {
    return this.view.getUint32(this.over(4), true);
  }
  /** Reads a length of 8 bytes. It may be rounded beyond 2^53, which is past the end of any file. */
  u64(): number {
    return Number(this.view.getBigUint64(this.over(8), true));
  }
  f64(): number {
    return this.view.getFloat64(this.over(8), false);
  }

  raw(count: number): Uint8Array {
    const start = this.over(count);
    return this.bytes.subarray(start, start + count);
  }

  /** Most names are short and ASCII: a decoder takes longer. `undefined` for other text. */
  private ascii(start: number, end: number): string | undefined {
    let text = '';
    for (let i = start; i < end; i++) {
      const byte = this.bytes[i]!;
      if (byte >= 0x80) return undefined;
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** @throws NotText */
  text(count: number): string {
    const start = this.over(count);
    const short = count <= 64 ? this.ascii(start, start + count) : undefined;
    if (short !== undefined) return short;
    const bytes = this.bytes.subarray(start, start + count);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new NotText('text that is not UTF-8', { cause });
    }
  }

  /** Reads the text up to a line feed, and skips the line feed. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleEnd(`a line without end at byte ${this.at}`);
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  /** Reads a little-endian two's complement integer of any length. */
  integer(count: number): number | bigint {
    const bytes = this.raw(count);
    let digits = '0x0';
    for (let i = count - 1; i >= 0; i--) digits += hex[bytes[i]!];
    return exact(BigInt.asIntN(8 * count, BigInt(digits)));
  }
}
