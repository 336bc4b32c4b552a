import { readInto, type Source } from './source.ts';

/** A run of bytes that can be read by position: a tensor's storage. */
export interface Region {
  readonly size: number;
  /** Fills `target` from byte `from` of the region. */
  readInto(target: Uint8Array, from: number): Promise<void>;
}

export function sourceRegion(source: Source, offset: number, size: number): Region {
  return { size, readInto: (target, from) => readInto(source, target, offset + from) };
}
