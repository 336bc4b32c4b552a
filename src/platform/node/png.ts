import { constants, deflateSync } from 'node:zlib';
import { pngEncoder } from '../../formats/png_write.ts';

/**
 * Writes a raster as PNG, compressed by Node's zlib.
 *
 * @returns the file's bytes: 8-bit RGB if every pixel is opaque, else RGBA
 * @throws ImageError if the raster's size and data do not fit together
 */
export const encodePng = pngEncoder((bytes) => deflateSync(bytes, { level: 3, strategy: constants.Z_RLE }));
