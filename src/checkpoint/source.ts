/** Checkpoints are read by position, so that what is not needed (optimizer state, other heads) is never loaded. */
export interface Source {
  /** What messages call it: a path, an address, or "bytes". */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`; the caller stays within `size`. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A source over bytes in memory; reads are views, not copies. */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): Source {
  return { name, size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}
