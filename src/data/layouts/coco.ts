import { groupedBy, type Size } from '../../arrays.ts';
import type { CocoAnnotation, CocoFile, CocoImage } from '../coco_file.ts';
import { parseCocoFile } from '../coco_json.ts';
import { hasMask, keypointTriples, rleOfSegmentation } from '../coco_shapes.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet, KeypointNames, LabelKind, LabelledImage, LabelledObject } from '../image_set.ts';
import type { Notices } from '../notices.ts';
import { type Box, boxObject, boxOfPoints, checkOutlines, checkSize, maskObject, outlineObject } from '../objects.ts';
import type { Options } from '../options.ts';
import { imageSetOf } from '../set.ts';
import type { Tree } from '../tree.ts';
import { chosenFile } from './coco_files.ts';
import { type LabelFolder, labelFolderOf } from './coco_labels.ts';
import { locateImages } from './locate.ts';

/**
 * COCO's layout: one JSON for many images, which lie in a folder that the JSON does not name. Also as CVAT, Roboflow and
 * Label Studio export it, and with label maps beside it.
 */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const chosen = await chosenFile(tree, base, options, notices);
  const reading = parseCocoFile(await tree.read(chosen.path), tree.shown(chosen.path), { faults: 'report' });
  for (const notice of reading.notices) notices.add('annotations', notice);
  const coco = reading.file;
  const categories = coco.categories.toSorted((a, b) => a.id - b.id);
  const labelOf = new Map(categories.map(({ id }, label) => [id, label]));
  const paths = await locateImages(
    tree,
    coco.images.map(({ file_name: name, id }) => name ?? `${id}.jpg`),
    { base, split: chosen.split, beside: chosen.path, images: options.images, alone: chosen.alone, notices },
  );
  const maps = await labelFolderOf(tree, base, options, paths, notices);
  const objectsOf = groupedBy(coco.annotations, ({ image_id: image }) => image);
  const kinds = kindsOf(coco, maps);
  const keypoints = keypointsOf(coco);
  return imageSetOf(
    {
      format: 'coco',
      split: chosen.split,
      kinds,
      classes: categories.map(({ name }) => name),
      categoryIds: categories.map(({ id }) => id),
      labelClasses: maps?.classes,
      ignore: maps?.ignore,
      keypoints,
      coco,
    },
    {
      tree,
      notices,
      entries: coco.images,
      read: (image, id) => {
        const annotations = objectsOf.get(image.id) ?? [];
        return imageOf(tree, image, paths[id - 1]!, { annotations, labelOf, maps, name: chosen.path });
      },
    },
  );
}

interface Context {
  readonly annotations: readonly CocoAnnotation[];
  readonly labelOf: ReadonlyMap<number, number>;
  readonly maps: LabelFolder | undefined;
  /** The annotation file, for messages. */
  readonly name: string;
}

async function imageOf(tree: Tree, image: CocoImage, file: string, context: Context): Promise<LabelledImage> {
  const { width, height } = image;
  const place = `${tree.shown(context.name)}: image ${image.id}`;
  const size = width && height ? checkSize({ height, width }, place) : await imageSizeAt(tree, file);
  const objects = context.annotations.flatMap((annotation) => {
    const label = context.labelOf.get(annotation.category_id);
    return label === undefined ? [] : (objectOf(annotation, label, size, tree.shown(context.name)) ?? []);
  });
  const { maps } = context;
  return {
    id: image.id,
    file,
    size,
    objects,
    bytes: () => tree.read(file),
    labels: maps && (() => maps.read(file, size)),
  };
}

/** Undefined for an annotation without box, outline, mask or keypoints. */
function objectOf(annotation: CocoAnnotation, label: number, size: Size, file: string): LabelledObject | undefined {
  const { id, bbox, segmentation, iscrowd } = annotation;
  const place = `${file}: annotation ${id}`;
  const keypoints = annotation.keypoints?.length ? keypointTriples(annotation.keypoints) : undefined;
  const box: Box | undefined = bbox && [bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3]];
  const stated = { id, label, box, area: annotation.area, crowd: iscrowd === 1, keypoints };
  if (segmentation && 'counts' in segmentation) {
    const [height, width] = segmentation.size;
    return maskObject(stated, rleOfSegmentation(segmentation, checkSize({ height, width }, place)));
  }
  if (hasMask(segmentation)) {
    const object = outlineObject(stated, checkOutlines(segmentation, place), size);
    if (box && annotation.area !== undefined) return object;
    const { mask } = object;
    return mask ? withGeometryOf(object, maskObject(stated, mask)) : object;
  }
  if (box) return boxObject({ ...stated, box });
  const seen = keypoints?.filter(([, , visibility]) => visibility > 0) ?? [];
  return seen.length === 0 ? undefined : boxObject({ ...stated, box: boxOfPoints(seen) });
}

/** COCO measures what the file does not state on the mask, not on the outline. */
const withGeometryOf = (object: LabelledObject, { box, area, mask }: LabelledObject): LabelledObject => ({
  ...object,
  box,
  area,
  mask,
});

function kindsOf(coco: CocoFile, maps: LabelFolder | undefined): LabelKind[] {
  const kinds: LabelKind[] = ['objects'];
  if (coco.annotations.some(({ segmentation }) => hasMask(segmentation))) kinds.push('masks');
  if (coco.annotations.some(({ keypoints }) => keypoints && keypoints.length > 0)) kinds.push('keypoints');
  if (maps) kinds.push('labels');
  return kinds;
}

/** Returns the keypoints of the first class that has any; pairs count from 0. */
function keypointsOf({ categories }: CocoFile): KeypointNames | undefined {
  const named = categories.find(({ keypoints }) => keypoints && keypoints.length > 0);
  if (!named?.keypoints) return undefined;
  return { names: named.keypoints, skeleton: (named.skeleton ?? []).map(([a, b]) => [a - 1, b - 1]) };
}
