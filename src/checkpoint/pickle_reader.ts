/** The bytes ended inside a pickle: cut short, or a longer piece has to be read. */
export class PickleEnd extends Error {}

/** Bytes that should be text and are none. */
export class NotText extends Error {}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A cursor over pickle bytes. Every length is checked against what is there before anything is allocated. */
export class PickleReader {
  private readonly view: DataView;
  constructor(
    private readonly bytes: Uint8Array,
    public at: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves over `count` bytes and returns where they begin. */
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
  /** A length of 8 bytes; beyond 2^53 it is past the end of anything. */
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

  /** @throws NotText */
  text(count: number): string {
    const bytes = this.raw(count);
    try {
      return utf8.decode(bytes);
    } catch (cause) {
      throw new NotText('text that is not UTF-8', { cause });
    }
  }

  /** The text up to a line feed, which is passed over. */
  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) throw new PickleEnd(`a line without end at byte ${this.at}`);
    const line = this.text(end - this.at);
    this.at = end + 1;
    return line;
  }

  /** A little-endian two's complement integer of any length. */
  integer(count: number): number | bigint {
    const bytes = this.raw(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
    return exact(count > 0 && bytes[count - 1]! & 0x80 ? value - (1n << BigInt(8 * count)) : value);
  }
}

/** A number where it is exact, a bigint otherwise. */
export function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
