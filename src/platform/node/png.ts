import { promisify } from 'node:util';
import { constants, deflateRaw, deflateSync } from 'node:zlib';
import type { PNG } from 'pngjs';
import { joinBytes } from '../../arrays.ts';
import { asyncPngEncoder, packedPixels, pngEncoder } from '../../formats/png_write.ts';
import { checkRaster, type Raster } from '../../image/raster.ts';

/**
 * Writes PNG in Node by pngjs. It is required at the first call and not imported: it requires Node's modules by name, which a server that was
 * bundled into one ES module cannot do and would fail at its start. Where it is not beside such a bundle, Node's zlib
 * compresses the same rows to the same bytes.
 */

const level = 3;
/** One writer or the other: looked for once. */
let writer: ((raster: Raster) => Uint8Array) | undefined;

/**
 * Writes a raster as PNG. Light compression and the filter `Sub` are six times faster than pngjs's defaults, for a third more bytes.
 *
 * @returns the file's bytes: 8-bit RGB if every pixel is opaque, else RGBA
 * @throws ImageError if the raster's size and data do not fit together
 */
export function encodePng(raster: Raster): Uint8Array {
  checkRaster(raster);
  if (!writer) {
    const pngjs = installedPngjs();
    writer = pngjs ? (one) => byPngjs(pngjs, one) : byZlib;
  }
  return writer(raster);
}

function byPngjs({ sync }: typeof PNG, { width, height, data }: Raster): Uint8Array {
  const { channels, bytes } = packedPixels({ data });
  const colorType = channels === 4 ? 6 : 2;
  // pngjs's types ask for a Buffer and a stream's methods; without a conversion it only reads these fields
  const image = { width, height, gamma: 0, data: bytes } as unknown as PNG;
  const format = { colorType, inputColorType: colorType, inputHasAlpha: channels === 4 } as const;
  const { buffer, byteOffset, length } = sync.write(image, { ...format, deflateLevel: level, filterType: 1 });
  return new Uint8Array(buffer, byteOffset, length); // the `slice` of a Buffer shares its memory
}

/** Writes the same bytes as pngjs. */
export const byZlib = pngEncoder((bytes) => deflateSync(bytes, { level, strategy: constants.Z_RLE }));

/**
 * Writes a raster as PNG as `encodePng` does, but compresses on Node's pool of threads, strip by strip: the caller's thread is free
 * meanwhile. The pixels are equal, the bytes differ a little.
 *
 * @throws as `encodePng`
 */
export const encodePngAsync: (raster: Raster) => Promise<Uint8Array> = asyncPngEncoder(deflateInStrips);

/** Bytes that one thread compresses at a time. Run lengths do not look back, so strips cost nothing but five bytes each. */
const stripBytes = 2 ** 19;

const deflateStrip = promisify<Uint8Array, object, Uint8Array>(deflateRaw);

/** Returns a zlib stream of strips that were compressed at the same time. */
async function deflateInStrips(bytes: Uint8Array): Promise<Uint8Array> {
  const strips = Promise.all(
    Array.from({ length: Math.ceil(bytes.length / stripBytes) }, (_, i) => {
      const end = (i + 1) * stripBytes;
      const finishFlush = end >= bytes.length ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
      return deflateStrip(bytes.subarray(i * stripBytes, end), { level, strategy: constants.Z_RLE, finishFlush });
    }),
  );
  const sum = new Uint8Array(4);
  new DataView(sum.buffer).setUint32(0, adler32(bytes)); // while the pool compresses
  return joinBytes([Uint8Array.of(0x78, 0x01), ...(await strips), sum]);
}

/** The checksum at the end of a zlib stream. */
function adler32(bytes: Uint8Array): number {
  let [low, high] = [1, 0];
  for (let i = 0; i < bytes.length; ) {
    // as many as keep both sums below 2^32
    for (const end = Math.min(i + 5552, bytes.length); i < end; i++) {
      low += bytes[i]!;
      high += low;
    }
    low %= 65521;
    high %= 65521;
  }
  return high * 65536 + low;
}

/** Returns pngjs, or undefined in a bundle without it. */
function installedPngjs(): typeof PNG | undefined {
  if (!import.meta.url?.startsWith('file:')) return undefined; // in a bundle of CommonJS
  const { createRequire } = process.getBuiltinModule('node:module');
  try {
    return createRequire(import.meta.url)('pngjs').PNG;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return undefined;
    throw cause;
  }
}
