import { ConfigError, UnsupportedError } from '../errors.ts';
import { asyncPngEncoder } from '../formats/png_write.ts';
import { type GlobalInstance, pageGlobals } from '../globals.ts';
import { checkRaster, type Raster } from '../image/raster.ts';
import { foundIn } from '../validate.ts';

/** The pixels of a drawing or a crop: RGBA, rows top down. They may be given wherever an image is. */
export class Pixels implements Raster {
  readonly width: number;
  readonly height: number;
  /** For `new ImageData(data, width, height)`. */
  readonly data: Uint8ClampedArray<ArrayBuffer>;

  /** Takes pixels over without a copy, unless their memory is shared. @throws ImageError if size and data do not fit together */
  constructor(raster: Raster) {
    checkRaster(raster);
    const { width, height, data } = raster;
    this.width = width;
    this.height = height;
    const { buffer, byteOffset, length } = data;
    this.data =
      buffer instanceof ArrayBuffer ? new Uint8ClampedArray(buffer, byteOffset, length) : new Uint8ClampedArray(data);
  }

  /**
   * Returns the pixels as `ImageData` for `context.putImageData`, without a copy.
   *
   * @throws UnsupportedError where there is no such class, as in Node
   */
  toImageData(): GlobalInstance<'ImageData'> {
    const { ImageData } = pageGlobals();
    if (ImageData) return new ImageData(this.data, this.width, this.height) as GlobalInstance<'ImageData'>;
    throw new UnsupportedError('toImageData: there is no ImageData in this runtime. Use { width, height, data }.');
  }

  /**
   * Writes an image file. PNG keeps every value, also under transparent pixels. Other types are written by the browser, over black
   * where they have no transparency.
   *
   * @param type by default `image/png`, the only one in Node
   * @param quality of JPEG and WebP, from 0 to 1; the browser has a default
   * @throws UnsupportedError if the runtime does not write the type
   */
  async toBlob(type = 'image/png', quality?: number): Promise<Blob> {
    if (typeof type !== 'string') throw new ConfigError(`toBlob takes a type such as image/png, got ${foundIn(type)}.`);
    if (type === 'image/png') return new Blob([(await encodePng(this)) as Uint8Array<ArrayBuffer>], { type });
    const { OffscreenCanvas, ImageData } = pageGlobals();
    if (!OffscreenCanvas || !ImageData) {
      throw new UnsupportedError(
        `toBlob writes image/png in this runtime, got "${type}". Give { width, height, data } to another encoder.`,
      );
    }
    const canvas = new OffscreenCanvas(this.width, this.height);
    canvas.getContext('2d')?.putImageData(this.toImageData(), 0, 0);
    const blob = await canvas.convertToBlob({ type, quality });
    if (blob.type === type) return blob; // a browser writes PNG in place of what it does not know
    throw new UnsupportedError(
      `toBlob: this browser does not write "${type}". Known everywhere: image/png, image/jpeg.`,
    );
  }
}

/** Compresses beside the caller's thread. */
const encodePng = asyncPngEncoder(async (bands) => {
  const body = new Blob([...bands] as Uint8Array<ArrayBuffer>[]).stream().pipeThrough(new CompressionStream('deflate'));
  return [new Uint8Array(await new Response(body).arrayBuffer())];
});
