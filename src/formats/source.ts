import { ConfigError } from '../errors.ts';
import { foundIn, isObject } from '../validate.ts';

/** Checkpoints are read by position, so that what is not needed (optimizer state, other heads) is never loaded. */
export interface Source {
  /** Its name in messages: a path, a URL, or "bytes". */
  readonly name: string;
  readonly size: number;
  /** Returns exactly `length` bytes from `offset`. The caller stays within `size` and does not change the bytes. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Fills `target` from `offset`, for sources that can do so without a second buffer. */
  readInto?(target: Uint8Array, offset: number): Promise<void>;
  /** Opens a file beside this one by its plain name. Absent if there are none: bytes are alone. It is closed with this one. */
  beside?(name: string): Promise<Source>;
}

/** Checks the source of a caller. @throws ConfigError that says how to make one */
export function checkSource(source: unknown, call: string): void {
  if (isObject(source) && typeof source.read === 'function' && typeof source.size === 'number') return;
  throw new ConfigError(
    `${call} takes a source, as bytesSource(bytes), blobSource(file) or openFileSource(path) make it, got ${foundIn(source)}.`,
  );
}

/** Makes a source of bytes in memory. Reads are views, not copies. @throws ConfigError for anything else */
export function bytesSource(bytes: Uint8Array, name = 'bytes'): Source {
  // not `instanceof`, since bytes may come from another frame or realm
  if (Object.prototype.toString.call(bytes) !== '[object Uint8Array]') {
    throw new ConfigError(`bytesSource takes the bytes of a file as a Uint8Array, got ${foundIn(bytes)}.`);
  }
  return { name, size: bytes.length, read: async (offset, length) => bytes.subarray(offset, offset + length) };
}

/** Makes a source of a file that the user chose in a browser. @throws ConfigError for anything else */
export function blobSource(blob: Blob, name?: string): Source {
  if (!isObject(blob) || typeof blob.slice !== 'function' || typeof blob.size !== 'number') {
    throw new ConfigError(`blobSource takes a Blob or File, got ${foundIn(blob)}.`);
  }
  return {
    name: name ?? ('name' in blob ? String(blob.name) : 'blob'),
    size: blob.size,
    read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
  };
}

const blockBytes = 4 * 2 ** 20;

/** Fills `target` from `offset`, block by block if the source can only return new buffers. */
export async function readInto(source: Source, target: Uint8Array, offset: number): Promise<void> {
  if (source.readInto) return source.readInto(target, offset);
  for (let at = 0; at < target.length; at += blockBytes) {
    const length = Math.min(blockBytes, target.length - at);
    target.set(await source.read(offset + at, length), at);
  }
}

/** A range of bytes that is read by position: an entry of an archive, a tensor's storage. */
export interface Region {
  readonly size: number;
  /** Fills `target` from byte `from` of the region. */
  readInto(target: Uint8Array, from: number): Promise<void>;
}

export function sourceRegion(source: Source, offset: number, size: number): Region {
  return { size, readInto: (target, from) => readInto(source, target, offset + from) };
}
