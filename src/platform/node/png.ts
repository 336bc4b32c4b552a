import { constants, crc32, deflateSync } from 'node:zlib';
import type { PNG } from 'pngjs';
import { compressRows } from '../../formats/png_rows.ts';
import { channelsOf, colorTypes, packedPixels, pngAround, pngEncoder } from '../../formats/png_write.ts';
import { checkRaster, type Raster } from '../../image/raster.ts';
import { inSlices } from '../../slices.ts';
import { breather } from '../../turn.ts';

/**
 * Writes PNG in Node by pngjs. It is required at the first call and not imported: it requires Node's modules by name, which a server that was
 * bundled into one ES module cannot do and would fail at its start. Where it is not beside such a bundle, Node's zlib
 * compresses the same rows to the same bytes.
 */

const level = 3;
/** One writer or the other: looked for once. */
let writer: ((raster: Raster) => Uint8Array) | undefined;

/**
 * Writes a raster as PNG. Light compression and the filter `Up` are six times faster than pngjs's defaults, for a quarter more bytes.
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
  const { buffer, byteOffset, length } = sync.write(image, { ...format, deflateLevel: level, filterType: 2 });
  return new Uint8Array(buffer, byteOffset, length); // the `slice` of a Buffer shares its memory
}

/** Writes the same bytes as pngjs. */
export const byZlib = pngEncoder((bytes) => deflateSync(bytes, { level, strategy: constants.Z_RLE }));

/**
 * Writes a raster as PNG as `encodePng` does, in half of the time, and gives the thread back every few milliseconds. The pixels are
 * equal, the bytes differ a little.
 *
 * @throws as `encodePng`
 */
export async function encodePngAsync(raster: Raster): Promise<Uint8Array> {
  checkRaster(raster);
  const { height, width } = raster;
  const channels = channelsOf(raster);
  const pause = breather();
  const format = { height, width, depth: 8, colorType: colorTypes[channels] } as const;
  return compressRows(
    raster,
    channels,
    (slices) => inSlices(slices, pause),
    (stream) => pngAround(format, [stream], crc32),
  );
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
