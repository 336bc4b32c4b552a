import type { Weights } from '../ndarray.ts';

/** Where a result comes from: what a file of results needs, to be understood years later. */
export interface Origin {
  readonly model: {
    readonly name: string;
    /** Of the weights that ran, see `weightsHash`; absent where the page has no `crypto.subtle` (it is not served by https). */
    readonly sha256?: string;
  };
  /** Name of the engine that ran it. */
  readonly engine: string;
  /** Path, address or file name of the image; absent for bytes and pixels. */
  readonly file?: string;
}

/**
 * SHA-256 of weights by their values: of one line per parameter, sorted by key, `key shape sha256` with the shape as
 * `64x3x3x3` and the hash of its little-endian float32 values. So it is the same for the `.pth` file and for what was
 * converted from it, and differs between averaged and plain weights of one file. Hex.
 */
export async function weightsHash(weights: Weights): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
    Array.from(new Uint8Array(await subtle.digest('SHA-256', bytes)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  const lines: string[] = [];
  for (const key of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(key)!;
    // tensors are never in shared memory, which `digest` refuses
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    lines.push(`${key} ${shape.join('x')} ${await sha256(bytes)}\n`);
  }
  return sha256(new TextEncoder().encode(lines.join('')));
}
