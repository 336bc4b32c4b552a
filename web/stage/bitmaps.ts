import type { Result } from 'moganet';
import { type Color, colorFor } from 'moganet/render';
import { contextOf } from './canvas.ts';
import type { MaskCrop } from './hit.ts';

/** Masks and label maps as images of the browser, made once, so that a frame only copies them. */

/** Bytes of RGBA in the order of a 32-bit number on this machine. */
const packed = ([red, green, blue]: Color, alpha: number): number => {
  const bytes = Uint8Array.of(red, green, blue, alpha);
  return new Uint32Array(bytes.buffer)[0] ?? 0;
};

/** Returns a mask as an image of its crop: the colour where it is set, nothing elsewhere. Undefined for an empty mask. */
export function maskImage({ width, height, bits }: MaskCrop, color: Color): OffscreenCanvas | undefined {
  if (width === 0 || height === 0) return undefined;
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const set = packed(color, 255);
  for (let i = 0; i < bits.length; i++) if (bits[i] === 1) words[i] = set;
  return canvasOf(image);
}

/** Opacity of a class's surface beside its border, and of classes that are not lit. */
const surface = 0.8;
const dimmed = 0.14;

/** Returns a segmentation as an image: each pixel in the colour of its class, stronger along borders. */
export function segmentationImage(result: Result, lit: number | undefined): OffscreenCanvas | undefined {
  if (!result.segmentation) return undefined;
  const { labels, classes, dataset } = result.segmentation;
  const { width, height } = result.image;
  const image = new ImageData(width, height);
  const words = new Uint32Array(image.data.buffer);
  const strength = (label: number) => (lit === undefined || lit === label ? 1 : dimmed);
  const paints = classes.map((_, label) => {
    const color = colorFor(label, dataset?.colors);
    const alpha = 255 * strength(label);
    return { inside: packed(color, Math.round(surface * alpha)), border: packed(color, Math.round(alpha)) };
  });
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const label = labels[i] ?? classes.length;
      const paint = paints[label];
      if (!paint) continue; // no class
      const isBorder = (x + 1 < width && labels[i + 1] !== label) || (y + 1 < height && labels[i + width] !== label);
      words[i] = isBorder ? paint.border : paint.inside;
    }
  }
  return canvasOf(image);
}

export function canvasOf(image: ImageData): OffscreenCanvas {
  const canvas = new OffscreenCanvas(image.width, image.height);
  contextOf(canvas).putImageData(image, 0, 0);
  return canvas;
}

/** Returns pixels of the library as those of the browser. */
export function imageDataOf({ data, width, height }: Result['image']): ImageData {
  return new ImageData(new Uint8ClampedArray(data), width, height);
}
