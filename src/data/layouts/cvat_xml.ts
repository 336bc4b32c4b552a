import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import { encodeBitmap } from '../../postprocess/rle.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet, LabelledImage, LabelledObject } from '../image_set.ts';
import { checkedNames } from '../names.ts';
import type { Notices } from '../notices.ts';
import { type Box, boxObject, checkOutlines, checkSize, maskObject, outlineObject } from '../objects.ts';
import type { Options } from '../options.ts';
import { endingOf, joined } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import { headText } from '../text.ts';
import type { Tree } from '../tree.ts';
import { childOf, childrenOf, numberOf, readXml, textOf, type XmlElement } from '../xml.ts';
import { locateImages } from './locate.ts';

/** CVAT's own format "CVAT for images 1.1": one XML for all images, with boxes, outlines and masks. */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const path = await fileOf(tree, base, options);
  const name = tree.shown(path);
  const root = readXml(await tree.read(path), name, { elements: 5_000_000 });
  if (root.name !== 'annotations')
    throw new DataError(`${name}: the first element is <${root.name}>, not <annotations> as in CVAT's format.`);
  if (childOf(root, 'track')) {
    throw new DataError(`${name}: "CVAT for video" (<track>) is not read. Export it as "CVAT for images" or as COCO.`);
  }
  const { images, split } = imagesOfSplit(root, options, name, notices);
  const classes = options.classes ?? classesOf(root, images, name);
  const labelOf = new Map(classes.map((label, i) => [label, i]));
  const names = images.map(
    (image, i) => image.attributes.get('name') ?? missing(`${name}: image ${i + 1}: has no name.`),
  );
  const paths = await locateImages(tree, names, {
    base,
    split,
    beside: path,
    images: options.images,
    alone: split === undefined,
    notices,
  });
  const entries = images.map((image, i) => ({ image, file: paths[i]! }));
  const skipped = new Map<string, number>();
  for (const image of images)
    for (const { name: kind } of image.children)
      if (isShape(kind) && !readers.get(kind)) skipped.set(kind, (skipped.get(kind) ?? 0) + 1);
  for (const [kind, count] of skipped)
    notices.add(
      'shapes that are left out',
      `${count} shapes of the kind ${kind} are left out: they have no area, or are not read.`,
    );
  const hasMasks = images.some(({ children }) =>
    children.some((shape) => shape.name !== 'box' && readers.get(shape.name)),
  );
  return imageSetOf(
    { format: 'cvat_xml', split, kinds: hasMasks ? ['objects', 'masks'] : ['objects'], classes },
    { tree, notices, entries, read: ({ image, file }, id) => imageOf(tree, image, file, id, labelOf, name) },
  );
}

const missing = (text: string): never => {
  throw new DataError(text);
};

/** Returns the XML files of CVAT in a folder. */
async function cvatFilesIn(tree: Tree, base: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await tree.files(base)).filter((one) => endingOf(one) === '.xml').slice(0, 16)) {
    if (/<annotations[\s>]/.test(headText(await tree.head(joined(base, name))))) found.push(joined(base, name));
  }
  return found;
}

async function fileOf(tree: Tree, base: string, options: Options): Promise<string> {
  if (options.annotations !== undefined) {
    const path = await tree.find(joined(base, options.annotations));
    return path ?? missing(`${tree.shown(joined(base, options.annotations))}: there is no such annotation file.`);
  }
  const [first, ...others] = await cvatFilesIn(tree, base);
  if (first === undefined) return missing(`${tree.shown(base)}: no annotation file of CVAT found (annotations.xml).`);
  if (others.length === 0) return first;
  return missing(
    `${tree.shown(base)}: several annotation files: ${[first, ...others].join(', ')}. Name one with the option \`annotations\`.`,
  );
}

/** An export of a whole project states the part of each image. */
function imagesOfSplit(root: XmlElement, options: Options, name: string, notices: Notices) {
  const images = childrenOf(root, 'image');
  const subsets = [...new Set(images.map((image) => image.attributes.get('subset') ?? ''))].filter(Boolean);
  if (subsets.length === 0) {
    if (options.split !== undefined) throw new DataError(`${name}: states no splits, so no "${options.split}".`);
    return { images, split: undefined };
  }
  const split = chosenSplit(subsets, options.split, { name, notices });
  return { images: images.filter((image) => image.attributes.get('subset') === split), split };
}

/** Returns the classes in the order of the task, else those that are seen. */
function classesOf(root: XmlElement, images: readonly XmlElement[], name: string): string[] {
  const meta = childOf(root, 'meta');
  for (const owner of ['task', 'project', 'job']) {
    const labels = meta && childOf(meta, owner) && childOf(childOf(meta, owner)!, 'labels');
    const names = labels ? childrenOf(labels, 'label').flatMap((label) => textOf(label, 'name') ?? []) : [];
    if (names.length > 0) return checkedNames([...new Set(names)], name);
  }
  const seen = images.flatMap(({ children }) =>
    children.flatMap((shape) => (readers.get(shape.name) ? (shape.attributes.get('label') ?? []) : [])),
  );
  return [...new Set(seen)].sort();
}

async function imageOf(
  tree: Tree,
  image: XmlElement,
  file: string,
  id: number,
  labelOf: ReadonlyMap<string, number>,
  name: string,
): Promise<LabelledImage> {
  const place = `${name}: image ${image.attributes.get('name')}`;
  const [width, height] = ['width', 'height'].map((side) => image.attributes.get(side));
  const size =
    width && height
      ? checkSize({ height: numberOf(height, `${place}: height`), width: numberOf(width, `${place}: width`) }, place)
      : await imageSizeAt(tree, file);
  const objects: LabelledObject[] = [];
  for (const [i, shape] of image.children.entries()) {
    const reader = readers.get(shape.name);
    if (!reader) continue;
    const at = `${place}: shape ${i + 1}`;
    const name = shape.attributes.get('label') ?? missing(`${at}: has no label.`);
    const label =
      labelOf.get(name) ?? missing(`${at}: the label ${JSON.stringify(name)} is not among the classes of the task.`);
    objects.push(reader(shape, { id: objects.length + 1, label }, size, at));
  }
  return { id, file, size, objects, bytes: () => tree.read(file) };
}

type Quad = [number, number, number, number];

type ShapeReader = (
  shape: XmlElement,
  stated: { id: number; label: number },
  size: Size,
  place: string,
) => LabelledObject;

const box: ShapeReader = (shape, stated, size, place) => {
  const [x1, y1, x2, y2] = ['xtl', 'ytl', 'xbr', 'ybr'].map((side) => numberIn(shape, side, place)) as Quad;
  if (x2 < x1 || y2 < y1) {
    throw new DataError(`${place}: the box (${x1}, ${y1}, ${x2}, ${y2}) ends before it begins.`);
  }
  checkOutlines([[x1, y1, x2, y2]], place);
  const turn = shape.attributes.get('rotation');
  const angle = turn === undefined ? 0 : numberOf(turn, `${place}: rotation`);
  if (angle % 360 === 0) return boxObject({ ...stated, box: [x1, y1, x2, y2] });
  return outlineObject(stated, [turnedBox([x1, y1, x2, y2], angle)], size);
};

const polygon: ShapeReader = (shape, stated, size, place) => {
  const points = (shape.attributes.get('points') ?? '').split(';').filter((point) => point.trim() !== '');
  const outline = points.flatMap((point, i) => {
    const [x, y, ...more] = point.split(',');
    const at = `${place}: point ${i + 1}`;
    if (more.length > 0) throw new DataError(`${at}: must be x,y, got ${JSON.stringify(point.slice(0, 40))}.`);
    return [numberOf(x, at), numberOf(y, at)];
  });
  if (outline.length < 6) {
    throw new DataError(`${place}: a polygon has at least three points, got ${outline.length / 2}.`);
  }
  return outlineObject(stated, checkOutlines([outline], place), size);
};

const mask: ShapeReader = (shape, stated, size, place) =>
  maskObject(stated, encodeBitmap(maskBitmap(shape, size, place), size));

const readers: ReadonlyMap<string, ShapeReader> = new Map([
  ['box', box],
  ['polygon', polygon],
  ['mask', mask],
]);

const isShape = (name: string): boolean => ['points', 'polyline', 'ellipse', 'cuboid', 'skeleton'].includes(name);

const numberIn = (shape: XmlElement, name: string, place: string): number =>
  numberOf(shape.attributes.get(name), `${place}: ${name}`);

/** Returns the corners of a box that is turned around its middle, clockwise as CVAT does, in degrees. */
function turnedBox([x1, y1, x2, y2]: Box, degrees: number): number[] {
  const [cx, cy, angle] = [(x1 + x2) / 2, (y1 + y2) / 2, (degrees * Math.PI) / 180];
  const corners = [
    [x1, y1],
    [x2, y1],
    [x2, y2],
    [x1, y2],
  ] as const;
  return corners.flatMap(([x, y]) => [
    cx + (x - cx) * Math.cos(angle) - (y - cy) * Math.sin(angle),
    cy + (x - cx) * Math.sin(angle) + (y - cy) * Math.cos(angle),
  ]);
}

/** Runs go row by row within a rectangle, zeros first. What lies outside of the image is cut off. */
function maskBitmap(shape: XmlElement, size: Size, place: string): Uint8Array {
  const [left, top, width, height] = ['left', 'top', 'width', 'height'].map((side) => numberIn(shape, side, place)) as [
    number,
    number,
    number,
    number,
  ];
  if (![left, top, width, height].every(Number.isInteger))
    throw new DataError(`${place}: the mask's rectangle must be whole pixels.`);
  checkSize({ height, width }, `${place}: mask`);
  const runs = (shape.attributes.get('rle') ?? '')
    .split(',')
    .map((run, i) => numberOf(run, `${place}: rle: run ${i + 1}`));
  const total = runs.reduce((sum, run) => sum + run, 0);
  if (runs.some((run) => !Number.isInteger(run) || run < 0) || total !== width * height) {
    throw new DataError(`${place}: the runs of the mask cover ${total} pixels, its rectangle has ${width * height}.`);
  }
  const bitmap = new Uint8Array(size.height * size.width);
  let at = 0;
  for (const [i, run] of runs.entries()) {
    for (let p = at; i % 2 === 1 && p < at + run; p++) {
      const [x, y] = [left + (p % width), top + Math.floor(p / width)];
      if (x >= 0 && y >= 0 && x < size.width && y < size.height) bitmap[y * size.width + x] = 1;
    }
    at += run;
  }
  return bitmap;
}
