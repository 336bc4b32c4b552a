import type { Size } from '../arrays.ts';
import { MoganetError } from '../errors.ts';
import { encodeIndexedPng } from '../formats/png_write.ts';
import type { LabelMap, Raster } from '../image/raster.ts';
import { resizePillow } from '../image/resize_pillow.ts';
import { black, type Color, colorFor, white } from '../render/colors.ts';
import { atOnce } from '../slices.ts';
import { dataUrl } from './html.ts';

/** Images for a report: scaled down, as data URLs, so that the file stays small and needs nothing else. */

/** Reads and writes image files. The platform has both. */
export interface PictureCodec {
  decode(bytes: Uint8Array, options: { readonly name: string }): Promise<Raster>;
  /** Returns a JPEG. */
  encode(raster: Raster): Promise<Uint8Array>;
}

/** An image as it is shown. */
export interface Picture {
  /** In pixels of the data URL. */
  readonly size: Size;
  /** The size of the file's image. */
  readonly original: Size;
  readonly url: string;
}

/** The longer edge of images in a report. */
export const pictureEdge = 640;

/** Returns the size at most `edge` pixels long with the same proportions. */
export function fitted({ width, height }: Size, edge = pictureEdge): Size {
  const scale = Math.min(1, edge / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** Reads an image and writes it small. Returns the reason if it cannot be read: a report is useful without it. */
export async function pictureOf(
  source: { readonly file: string; bytes(): Promise<Uint8Array> },
  codec: PictureCodec,
  edge = pictureEdge,
): Promise<Picture | string> {
  try {
    const raster = await codec.decode(await source.bytes(), { name: source.file });
    const original = { width: raster.width, height: raster.height };
    const size = fitted(original, edge);
    const small =
      size.width === original.width && size.height === original.height ? raster : atOnce(resizePillow(raster, size));
    return { size, original, url: dataUrl(await codec.encode(small), 'image/jpeg') };
  } catch (error) {
    if (error instanceof MoganetError) return error.message;
    throw error;
  }
}

/** How a label map is shown. */
export interface LabelPictureOptions {
  /** The longer edge. Default that of images. */
  readonly edge?: number | undefined;
  /** Colours by label. Default those that classes have in overlays. */
  readonly colors?: readonly Color[] | undefined;
}

/** Returns a label map as a small PNG in the colours of its classes. Labels beyond the classes are white. */
export function labelPicture(
  map: LabelMap,
  classes: number,
  { edge, colors = [] }: LabelPictureOptions = {},
): { readonly url: string; readonly seen: ReadonlySet<number> } {
  const most = Math.min(classes, 255);
  const small = smallLabels(map, (label) => (label < most ? label : 255), edge);
  const palette: Color[] = Array.from({ length: 256 }, (_, i) => (i < most ? (colors[i] ?? colorFor(i)) : white));
  const seen = new Set(small.labels);
  seen.delete(255);
  return { url: dataUrl(encodeIndexedPng(small, palette), 'image/png'), seen };
}

/** Returns where a prediction is wrong as a small PNG: wrong pixels bright, right ones dark, those without a label white. */
export function errorPicture(truth: LabelMap, predicted: LabelMap, classes: number): string {
  const small = smallLabels(truth, (label, at) => (label >= classes ? 2 : label === predicted.labels[at] ? 0 : 1));
  return dataUrl(encodeIndexedPng(small, [black, wrong, white]), 'image/png');
}

const wrong: Color = [255, 110, 20];

/** Returns the nearest pixels of a map at the size of pictures. */
function smallLabels(
  map: LabelMap,
  labelOf: (label: number, at: number) => number,
  edge = pictureEdge,
): LabelMap<Uint8Array> {
  const size = fitted(map, edge);
  const labels = new Uint8Array(size.width * size.height);
  for (let y = 0, o = 0; y < size.height; y++) {
    const row = Math.floor(((y + 0.5) * map.height) / size.height) * map.width;
    for (let x = 0; x < size.width; x++, o++) {
      const at = row + Math.floor(((x + 0.5) * map.width) / size.width);
      labels[o] = labelOf(map.labels[at]!, at);
    }
  }
  return { ...size, labels };
}
