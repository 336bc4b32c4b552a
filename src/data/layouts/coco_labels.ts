import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import type { LabelMap } from '../../image/raster.ts';
import { readLabelMap, translated, withoutZero } from '../label_maps.ts';
import { classFileIn } from '../names.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, joined, stemOf } from '../paths.ts';
import type { Tree } from '../tree.ts';

/** Label maps beside COCO's objects: `labels/*.png` with the names of the images, and `classes.json` that names the classes. */

export interface LabelFolder {
  readonly classes: readonly string[] | undefined;
  readonly ignore: number;
  /** Reads the map of an image. */
  read(image: string, size: Size): Promise<LabelMap>;
}

/** Returns the folder of label maps, if there is one. `images` are the paths of the images. */
export async function labelFolderOf(
  tree: Tree,
  base: string,
  options: Options,
  images: readonly string[],
  notices: Notices,
): Promise<LabelFolder | undefined> {
  const given = options.labels;
  const folder = await tree.findFolder(joined(base, given ?? 'labels'));
  const named = await classFileIn(tree, base);
  if (folder === undefined) {
    if (given !== undefined)
      throw new DataError(`${tree.shown(joined(base, given))}: there is no such folder of label maps.`);
    return undefined;
  }
  if (given === undefined && !named) return undefined;
  const maps = await tree.below(folder, (name) => endingOf(name) === '.png');
  if (maps.length === 0) return undefined;
  const mapOf = pairing(folder, maps);
  const missing = images.filter((image) => mapOf(image) === undefined);
  notices.addFiles(
    'images without a label map',
    (n, names) => `${n} ${n === 1 ? 'image has' : 'images have'} no label map: ${names}.`,
    missing,
  );
  const used = new Set(images.map(mapOf));
  const strays = maps.filter((path) => !used.has(path));
  notices.addFiles('label maps without an image', (n, names) => `${n} label maps have no image: ${names}.`, strays);
  const ignore = options.ignore ?? named?.ignore ?? 255;
  return {
    classes: options.classes ?? named?.labels,
    ignore,
    async read(image, size) {
      const path = mapOf(image);
      if (path === undefined) throw new DataError(`${tree.shown(image)}: no label map in ${tree.shown(folder)}.`);
      const map = await readLabelMap(tree, path, size);
      return options.reduceZeroLabel ? translated(map, withoutZero, 255) : map;
    },
  };
}

/**
 * Returns a function that finds the map of an image: of the same path below the folder of maps, without the endings, else of the same name.
 * A name that several folders have fits none: it could be another image's.
 */
function pairing(folder: string, maps: readonly string[]): (image: string) => string | undefined {
  const byPath = new Map(maps.map((path) => [keyOf(folder === '' ? path : path.slice(folder.length + 1)), path]));
  const byName = new Map<string, string | undefined>();
  for (const path of maps) {
    const name = keyOf(fileNameOf(path));
    byName.set(name, byName.has(name) ? undefined : path);
  }
  return (image) => {
    const parts = keyOf(image).split('/');
    for (let from = 0; from < parts.length; from++) {
      const path = byPath.get(parts.slice(from).join('/'));
      if (path !== undefined) return path;
    }
    return byName.get(parts.at(-1)!);
  };
}

const keyOf = (path: string): string => stemOf(path).normalize('NFC');
