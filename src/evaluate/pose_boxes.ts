import { groupedBy } from '../arrays.ts';
import type { CocoAnnotation, NamedResults } from '../data/coco_file.ts';
import { categoryIdOf } from '../data/coco_of.ts';
import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { DataError, listed } from '../errors.ts';
import { type CropShape, hasCrop } from '../image/crop_places.ts';
import type { Boxes } from '../library/index.ts';

/** The boxes in which an evaluated pose model looks: those of the labels, or those of a detector, as mmpose takes them. */

/** Gives the boxes of one image after the other. */
export interface BoxSource {
  /** @param place the image's position in the data set, from 0 */
  boxesOf(image: LabelledImage, place: number): Boxes;
  /** Says what was left out so far. */
  notices(): readonly string[];
}

/**
 * Takes the boxes of the labels, cleaned as mmpose 0.29 does with `use_gt_bbox` (`topdown_coco_dataset.py`): each is cut at the left and the
 * upper edge, and at the middles of the last pixels. Crowds are left out, and so are objects without a box, without an area and without
 * keypoints. Their score is 1.
 *
 * @param labels of the data set that the model knows
 * @param shape of the model's crops. A box that has none is left out
 */
export function labelledBoxes(set: ImageSet, labels: ReadonlySet<number>, shape: CropShape | undefined): BoxSource {
  const { coco } = set;
  const ids = new Set([...labels].map((label) => categoryIdOf(set, label)));
  const annotations = coco && groupedBy(coco.annotations, ({ image_id: image }) => image);
  let unplaced = 0;
  return {
    boxesOf(image) {
      const objects = annotations
        ? (annotations.get(Number(image.id)) ?? []).filter((one) => ids.has(one.category_id)).map(ofAnnotation)
        : (image.objects ?? []).filter(({ label }) => labels.has(label)).map(ofObject);
      const boxes: number[] = [];
      for (const { box, area = 1, crowd, isLabelled } of objects) {
        if (crowd || !isLabelled) continue;
        const cleaned = box && area > 0 ? cleanBox(box, image.size, shape) : undefined;
        if (cleaned) boxes.push(...cleaned);
        else unplaced++;
      }
      return { boxes, scores: new Array<number>(boxes.length / 4).fill(1) };
    },
    notices: () =>
      unplaced === 0
        ? []
        : [
            `keypoints: ${unplaced === 1 ? 'a labelled object has' : `${unplaced} labelled objects have`} no box with an area in the image. As in mmpose, nothing is looked for there, which counts as not found.`,
          ],
  };
}

/** The fields of a labelled object that decide if the model looks for it. */
interface Candidate {
  /** x, y, width, height. */
  readonly box: readonly [number, number, number, number] | undefined;
  readonly area: number | undefined;
  readonly crowd: boolean;
  readonly isLabelled: boolean;
}

const ofAnnotation = ({ bbox, area, iscrowd, keypoints = [], num_keypoints: count }: CocoAnnotation): Candidate => ({
  box: bbox,
  area,
  crowd: iscrowd === 1,
  isLabelled: keypoints.some((value) => value > 0) && count !== 0,
});

const ofObject = ({
  box: [x1, y1, x2, y2],
  area,
  crowd,
  difficult,
  keypoints = [],
}: NonNullable<LabelledImage['objects']>[number]): Candidate => ({
  box: [x1, y1, x2 - x1, y2 - y1],
  area,
  crowd: crowd || difficult === true,
  isLabelled: keypoints.some(([, , visibility]) => visibility > 0),
});

function cleanBox(
  [x, y, width, height]: NonNullable<Candidate['box']>,
  size: LabelledImage['size'],
  shape: CropShape | undefined,
): readonly number[] | undefined {
  const [x1, y1] = [Math.max(0, x), Math.max(0, y)];
  const x2 = Math.min(size.width - 1, x1 + Math.max(0, width));
  const y2 = Math.min(size.height - 1, y1 + Math.max(0, height));
  return hasCrop([x1, y1, x2, y2], shape) ? [x1, y1, x2, y2] : undefined;
}

/**
 * Takes the boxes of a detector's results, as they are and with their scores. Ids of images are those of the annotation file; a data set
 * without one counts them from 1.
 *
 * @param labels of the data set that the model knows
 * @param shape of the model's crops. A box that has none is left out
 * @throws DataError for boxes of images that the data set does not have, and if there is no box of the model's class
 */
export function detectedBoxes(
  set: ImageSet,
  labels: ReadonlySet<number>,
  { name, entries }: NamedResults,
  shape: CropShape | undefined,
): BoxSource {
  const ids = new Set([...labels].map((label) => categoryIdOf(set, label)));
  const images = new Set(set.coco?.images.map(({ id }) => id) ?? Array.from({ length: set.count }, (_, i) => i + 1));
  const unknown = [...new Set(entries.map(({ image_id: id }) => id).filter((id) => !images.has(id)))];
  if (unknown.length > 0) {
    throw new DataError(
      `${name}: has boxes of images that ${set.name} does not have: ids ${listed(unknown, 5)}. Give the detections of this data set, or remove them.`,
    );
  }
  const own = entries.filter((one) => ids.has(one.category_id) && one.bbox);
  if (own.length === 0) {
    const classes = [...labels].map((label) => `${set.classes[label]} (category_id ${categoryIdOf(set, label)})`);
    throw new DataError(
      `${name}: has no box of ${classes.join(', ')} among ${entries.length} results. Give a detector's results with bbox, in COCO's format.`,
    );
  }
  const byImage = groupedBy(own, ({ image_id: image }) => image);
  const counts = { empty: 0, without: 0 };
  return {
    boxesOf(image, place) {
      const found = byImage.get(set.coco ? Number(image.id) : place + 1) ?? [];
      if (found.length === 0) counts.without++;
      const boxes: number[] = [];
      const scores: number[] = [];
      for (const { bbox: [x, y, width, height] = [0, 0, 0, 0], score } of found) {
        if (!hasCrop([x, y, x + width, y + height], shape)) {
          counts.empty++;
          continue;
        }
        boxes.push(x, y, x + width, y + height);
        scores.push(score);
      }
      return { boxes, scores };
    },
    notices() {
      const notices: string[] = [];
      if (counts.empty > 0)
        notices.push(`${name}: ${counts.empty === 1 ? 'a box' : `${counts.empty} boxes`} without area left out.`);
      if (counts.without > 0)
        notices.push(
          `${name}: ${counts.without === 1 ? 'an image has' : `${counts.without} images have`} no box. Nothing is looked for there.`,
        );
      return notices;
    },
  };
}
