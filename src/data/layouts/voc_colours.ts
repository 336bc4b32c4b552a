import { DataError, MoganetError } from '../../errors.ts';
import { imageContext } from '../../formats/context.ts';
import { decodePng } from '../../formats/png.ts';
import type { LabelMap, Raster } from '../../image/raster.ts';
import { decodedLabels } from '../label_maps.ts';
import { joined } from '../paths.ts';
import { decodeText, filledLines } from '../text.ts';
import type { Tree } from '../tree.ts';

/** Label maps in colours, as CVAT exports them ("Segmentation mask 1.1"): `labelmap.txt` says which class a colour is. */

/** Labels by colour, 0xrrggbb. */
export type Colours = ReadonlyMap<number, number>;

const packed = (red: number, green: number, blue: number): number => (red << 16) | (green << 8) | blue;

/** The colours of VOC's palette: each bit of a label is a bit of red, green or blue in turn, highest first. */
export const vocColours: Colours = new Map(
  Array.from({ length: 256 }, (_, label) => {
    const channels = [0, 0, 0];
    for (let bit = 0; bit < 8; bit++) channels[bit % 3]! |= ((label >> bit) & 1) << (7 - Math.floor(bit / 3));
    return [packed(channels[0]!, channels[1]!, channels[2]!), label];
  }),
);

/** Reads the colours in `labelmap.txt`: `bolt:250,50,83::`. Undefined if it is not there, or has none. */
export async function coloursIn(tree: Tree, base: string, classes: readonly string[]): Promise<Colours | undefined> {
  const path = await tree.find(joined(base, 'labelmap.txt'));
  if (path === undefined) return undefined;
  const colours = new Map<number, number>();
  for (const line of filledLines(decodeText(await tree.read(path), tree.shown(path)))) {
    const [name = '', colour = ''] = line.split(':');
    const match = /^(\d{1,3}),\s*(\d{1,3}),\s*(\d{1,3})$/.exec(colour.trim());
    const label = classes.indexOf(name);
    if (match && label >= 0) colours.set(packed(Number(match[1]), Number(match[2]), Number(match[3])), label);
  }
  return colours.size > 0 ? colours : undefined;
}

/**
 * Returns a decoder of label maps that may be in colours. Maps of indices are read as they are.
 *
 * @param colours what the colours of RGB images mean; by default VOC's palette, for those that are not grey alone
 */
export function colouredLabels(colours: Colours | undefined): (bytes: Uint8Array, name: string) => LabelMap {
  return (bytes, name) => {
    const isRgb = bytes[25] === 2 || bytes[25] === 6; // the colour type in the header of a PNG
    if (!isRgb) return decodedLabels(bytes, name);
    const raster = decoded(bytes, name);
    return colours || !isGrey(raster) ? labelsOf(raster, colours ?? vocColours, name) : decodedLabels(bytes, name);
  };
}

function decoded(bytes: Uint8Array, name: string): Raster {
  try {
    return decodePng(bytes, imageContext(name));
  } catch (cause) {
    if (cause instanceof MoganetError) throw new DataError(cause.message, { cause });
    throw cause;
  }
}

function isGrey({ data }: Raster): boolean {
  for (let i = 0; i < data.length; i += 4) if (data[i] !== data[i + 1] || data[i] !== data[i + 2]) return false;
  return true;
}

function labelsOf({ data, width, height }: Raster, colours: Colours, name: string): LabelMap {
  const labels = new Uint8Array(width * height);
  for (let p = 0; p < labels.length; p++) {
    const [red, green, blue] = [data[4 * p]!, data[4 * p + 1]!, data[4 * p + 2]!];
    const label = colours.get(packed(red, green, blue));
    if (label === undefined) {
      const at = `(${p % width}, ${Math.floor(p / width)})`;
      throw new DataError(
        `${name}: pixel ${at} is the colour (${red}, ${green}, ${blue}), which is of no class. Add it to labelmap.txt.`,
      );
    }
    labels[p] = label;
  }
  return { width, height, labels };
}
