import { basename } from 'node:path';
import { boxOf, numberOf, objectOf, type Place } from '../data/coco_fields.ts';
import { parseCocoFile } from '../data/index.ts';
import { listed, unknownName } from '../errors.ts';
import { type Corners, type CropShape, hasCrop } from '../image/crop_places.ts';
import type { Boxes } from '../node.ts';
import { foundIn, isObject } from '../values.ts';
import { UsageError } from './failure.ts';
import { type ImageId, idsByStem, idsFromCoco, readGivenJson, type StatedSize, statedSizeOf } from './image_ids.ts';
import type { Library } from './model.ts';
import { plural } from './terminal.ts';

/** The boxes of `--boxes`: results or annotations of COCO, or the JSON that this package writes. */

export interface BoxesChoice {
  /** The class whose boxes are taken. */
  readonly class: string;
  /** The least score of a box. */
  readonly score: number;
  /** The shape of the model's crops: boxes that have none are left out. */
  readonly crop?: CropShape | undefined;
  /** A COCO file that has the ids of the images, and perhaps the categories. */
  readonly cocoImages?: string | undefined;
}

export interface BoxesReading {
  /** One per image, in their order. */
  readonly boxes: readonly Boxes[];
  /** The sizes that the file states for the images. */
  readonly sizes: readonly (StatedSize | undefined)[];
  /** Sentences for the user. */
  readonly notices: readonly string[];
}

/** A box with what it belongs to. */
interface Entry {
  readonly box: Corners;
  readonly score: number;
}

/** Returns the corners of COCO's x, y, width, height. */
const cornersOf = ([x, y, width, height]: readonly [number, number, number, number]): Corners => [
  x,
  y,
  x + width,
  y + height,
];

/** The boxes that a file has for the images of a run. */
interface Source {
  /** One per image: undefined if the file does not have the image, as far as it tells. */
  readonly found: readonly (readonly Entry[] | undefined)[];
  readonly sizes?: readonly (StatedSize | undefined)[] | undefined;
  /** How the file names its images, and how they are found: for a message if the run has none of them. */
  readonly images: readonly ImageId[];
  readonly advice: string;
}

/**
 * Reads the boxes of the images of a run. No box is an answer, too: there are no poses then.
 *
 * @param files paths or URLs of the images, as messages have them
 * @throws UsageError for a file of another kind, for one that knows none of the images, and for one without the class; DataError naming
 *   a wrong field
 */
export function readBoxes(library: Library, path: string, files: readonly string[], choice: BoxesChoice): BoxesReading {
  if (/^[\s\d.,[\]-]+$/.test(path)) throw new UsageError(`--boxes takes a file, not ${path}. ${kindsOfFiles}`);
  const {
    found,
    sizes = [],
    images,
    advice,
  } = sourceOf(library, path, readGivenJson(path, kindsOfFiles), files, choice);
  if (found.every((entries) => entries === undefined)) {
    throw new UsageError(
      `${path}: it has boxes of ${listed(images, 4) || 'no image'}, and none of ${listed(files, 4)}. ${advice}`,
    );
  }
  let leftOut = 0;
  const boxes = found.map((entries = []): Boxes => {
    const kept = entries.filter(({ score }) => score >= choice.score);
    const full = kept.filter(({ box }) => hasCrop(box, choice.crop));
    leftOut += kept.length - full.length;
    return {
      boxes: full.flatMap(({ box }) => box),
      scores: full.map(({ score }) => score),
    };
  });
  const without = boxes.filter(({ scores }) => scores.length === 0).length;
  const notices: string[] = [];
  if (without > 0) {
    const where = files.length === 1 ? files[0] : `${without} of ${plural(files.length, 'image')}`;
    notices.push(`${path}: no box of "${choice.class}" with a score of ${choice.score} or more in ${where}.`);
  }
  if (leftOut > 0) {
    const boxes = leftOut === 1 ? 'a box' : `${leftOut} boxes`;
    notices.push(`${path}: left out ${boxes} without width or height, or far outside of its image.`);
  }
  return { boxes, sizes, notices };
}

const kindsOfFiles = "Give COCO's results or annotations, or the JSON of `moganet detect`.";

function sourceOf(
  library: Library,
  path: string,
  value: unknown,
  files: readonly string[],
  choice: BoxesChoice,
): Source {
  if (Array.isArray(value)) return inResults(library, path, value, files, choice);
  if (isObject(value) && Array.isArray(value.images) && Array.isArray(value.annotations)) {
    return inAnnotations(path, value, files, choice);
  }
  if (isObject(value) && 'schema' in value) return inOwnJson(path, value, files, choice);
  throw new UsageError(`${path}: this is no file of boxes. ${kindsOfFiles}`);
}

/** COCO's results: images by id. */
function inResults(
  library: Library,
  path: string,
  entries: readonly unknown[],
  files: readonly string[],
  { class: name, cocoImages }: BoxesChoice,
): Source {
  const { ids, sizes } = cocoImages === undefined ? idsByStem(files, files) : idsFromCoco(cocoImages, files);
  const byImage = new Map<ImageId, Entry[]>(ids.map((id) => [id, []]));
  const wanted = categoryOf(library, name, cocoImages);
  const categories = new Set<unknown>();
  const images = new Set<ImageId>();
  for (const [i, value] of entries.entries()) {
    const place: Place = () => `${path}: entry ${i}`;
    if (!isObject(value) || Array.isArray(value)) {
      throw new UsageError(`${place()} must be an object, got ${foundIn(value)}. ${kindsOfFiles}`);
    }
    const entry = objectOf(value, place);
    categories.add(entry.category_id);
    const { image_id: id } = entry;
    if (typeof id !== 'number' && typeof id !== 'string') {
      throw new UsageError(`${place()}: image_id must be a number or a text.`);
    }
    images.add(id);
    const list = byImage.get(id);
    if (!list || entry.category_id !== wanted) continue;
    const box = boxOf(entry.bbox, place);
    if (!box) throw new UsageError(`${place()} has no bbox: x, y, width, height.`);
    list.push({ box: cornersOf(box), score: numberOf(entry.score, 'score', place) });
  }
  if (wanted === undefined || (entries.length > 0 && !categories.has(wanted))) {
    const found = [...categories].slice(0, 8).join(', ');
    throw new UsageError(
      `${path}: its boxes have ${wanted === undefined ? 'no known category_id' : `no category_id ${wanted}`} for "${name}", but ${found}. Give a COCO file whose categories have the name with --coco-images, or another --detector-class.`,
    );
  }
  // results have no entry for an image without objects: a list of images tells it from one that they are not about
  const isKnown = (id: ImageId) => images.has(id) || cocoImages !== undefined || entries.length === 0;
  return {
    found: ids.map((id) => (isKnown(id) ? byImage.get(id) : undefined)),
    sizes,
    images: [...images].map((id) => `image_id ${JSON.stringify(id)}`),
    advice:
      'Images are found by the numbers or names of their files; with --coco-images FILE, the annotations that the results are for, by file_name.',
  };
}

/** Returns the id of a class: that of a file, or of COCO's 80 classes. */
function categoryOf({ datasets }: Library, name: string, cocoImages: string | undefined): number | undefined {
  if (cocoImages !== undefined) {
    const { categories } = readGivenJson(cocoImages, kindsOfFiles) as { readonly categories?: unknown };
    const listed = (Array.isArray(categories) ? categories : []).filter(isObject);
    const found = listed.find((one) => one.name === name);
    if (listed.length > 0) return typeof found?.id === 'number' ? found.id : undefined;
  }
  const { classes, categoryIds } = datasets.coco;
  return categoryIds[(classes as readonly string[]).indexOf(name)];
}

/** COCO's annotations: images by file_name. Crowds are left out. */
function inAnnotations(
  path: string,
  value: unknown,
  files: readonly string[],
  { class: name, cocoImages }: BoxesChoice,
): Source {
  const { file } = parseCocoFile(value, path, { faults: 'report' });
  const category = file.categories.find((one) => one.name === name);
  if (!category) {
    const known = file.categories.map((one) => one.name);
    throw new UsageError(`${path}: ${unknownName('class', name, known)} --detector-class names another one.`);
  }
  const { ids, sizes } = idsFromCoco(cocoImages ?? path, files);
  const byImage = new Map<ImageId, Entry[]>(ids.map((id) => [id, []]));
  for (const { image_id: id, category_id, bbox, iscrowd } of file.annotations) {
    if (bbox && category_id === category.id && !iscrowd) byImage.get(id)?.push({ box: cornersOf(bbox), score: 1 });
  }
  return { found: ids.map((id) => byImage.get(id)), sizes, images: [], advice: '' };
}

/** The document of `--json`, or a file of `--save json`: images by their paths, or else by their names. */
function inOwnJson(
  path: string,
  value: Readonly<Record<PropertyKey, unknown>>,
  files: readonly string[],
  { class: wanted }: BoxesChoice,
): Source {
  const results = Array.isArray(value.results) ? value.results : [value];
  const names = new Set<string>();
  const known = results.map((one, i) => {
    const at =
      (rest: string): Place =>
      () =>
        `${path}: results[${i}]${rest}`;
    const { file, image, detection, pose } = objectOf(one, at(''));
    if (!Array.isArray(detection ?? pose)) {
      throw new UsageError(`${at('')()} has neither "detection" nor "pose", so no boxes. ${kindsOfFiles}`);
    }
    const entries = ((detection ?? pose) as readonly unknown[]).flatMap((instance, k): Entry[] => {
      const place = at(`.${detection ? 'detection' : 'pose'}[${k}]`);
      const { name, score, box } = objectOf(instance, place);
      names.add(String(name));
      if (name !== wanted) return [];
      const corners = boxOf(box, place);
      if (!corners) throw new UsageError(`${place()} has no box: x1, y1, x2, y2.`);
      return [{ box: corners, score: numberOf(score, 'score', place) }];
    });
    return { file: typeof file === 'string' ? file : unnamed, entries, size: statedSizeOf(image) };
  });
  if (names.size > 0 && !names.has(wanted)) {
    throw new UsageError(`${path}: ${unknownName('class', wanted, [...names])} --detector-class names another one.`);
  }
  const chosen = files.map((file) => {
    const exact = known.filter((one) => one.file === file);
    const same = exact.length > 0 ? exact : known.filter((one) => nameOf(one.file) === nameOf(file));
    if (same.length <= 1) return same[0] ?? (files.length === 1 ? withoutName(known, file) : undefined);
    throw new UsageError(
      `${path}: ${same.length} results could be those of ${file}: ${same.map((one) => one.file).join(', ')}. Run the images by the same paths.`,
    );
  });
  return {
    found: chosen.map((one) => one?.entries),
    sizes: chosen.map((one) => one?.size),
    images: known.map(({ file }) => file),
    advice: 'Run the images by the same names.',
  };
}

/** The name of an image from stdin, and of a result without its file. */
const unnamed = 'stdin';

/** Takes the one result for the one image if either has no name. */
function withoutName<T extends { readonly file: string }>([only, ...more]: readonly T[], file: string): T | undefined {
  return only && more.length === 0 && [only.file, file].includes(unnamed) ? only : undefined;
}

const nameOf = (file: string): string => basename(file).normalize('NFC');
