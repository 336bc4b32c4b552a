import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Sliced } from '../slices.ts';
import { type BoxCoder, decodeDeltas, takeBoxes, toNetwork, toOriginal } from './boxes.ts';
import { type Detections, labelsToScore, suppressed, type Thresholds } from './detections.ts';
import type { CompactMask } from './masks.ts';
import { nms } from './nms.ts';
import { meanProbabilities, pasteMask } from './paste_masks.ts';
import type { Candidates, Proposals } from './proposals.ts';
import { checkFinite, softmaxRows } from './scores.ts';

/**
 * Merges what a detector finds in several views of an image (test-time augmentation), as mmdet 2.28 does: `merge_aug_proposals`,
 * `merge_aug_bboxes`, `merge_aug_masks` of `mmdet/core/post_processing/merge_augs.py` and the `aug_test_*` functions that call them.
 * Everything is merged in pixels of the original image.
 */

/** How one view shows the image. */
export interface ViewGeometry {
  /** The part of the network's input that shows the image. */
  readonly resized: Size;
  /** Pixels of it per pixel of the original image. */
  readonly scaleX: number;
  readonly scaleY: number;
  /** The resized image is mirrored from left to right. */
  readonly flipped: boolean;
}

/** Converts boxes from the original image's pixels to those of a view (`bbox_mapping`): scales, then mirrors. */
export function toView(boxes: Float32Array, { resized, scaleX, scaleY, flipped }: ViewGeometry): Float32Array {
  const scaled = toNetwork(boxes, { x: scaleX, y: scaleY });
  return flipped ? mirroredBoxes(scaled, resized.width) : scaled;
}

/** Converts boxes from a view's pixels to the original image's (`bbox_mapping_back`): mirrors, then scales. */
export function fromView(boxes: Float32Array, { resized, scaleX, scaleY, flipped }: ViewGeometry): Float32Array {
  return toOriginal(flipped ? mirroredBoxes(boxes, resized.width) : boxes, { x: scaleX, y: scaleY });
}

/** Mirrors boxes in an image of that width: x1 becomes width − x2, and x2 width − x1. */
export function mirroredBoxes(boxes: Float32Array, width: number): Float32Array {
  const mirrored = boxes.slice();
  for (let at = 0; at < boxes.length; at += 4) {
    mirrored[at] = width - boxes[at + 2]!;
    mirrored[at + 2] = width - boxes[at]!;
  }
  return mirrored;
}

/**
 * Merges the proposals of all views: those of all levels together suppress each other, and the best `max` stay.
 *
 * @param found of each view, in pixels of the original image
 * @param options `iou` and `max` of the RPN; no limit if `max` is not positive
 */
export function mergedProposals(found: readonly Proposals[], { iou, max }: { iou: number; max: number }): Proposals {
  const boxes = joined(found.map((one) => one.boxes));
  const scores = joined(found.map((one) => one.scores));
  const kept = nms(boxes, scores, { iou, max });
  return { boxes: takeBoxes(boxes, kept), scores: Float32Array.from(kept, (i) => scores[i]!) };
}

/** The output of the last box head for the regions of one view. */
export interface ViewBoxes {
  readonly view: ViewGeometry;
  /** n × xyxy in the view's pixels */
  readonly regions: Float32Array;
  /** n × (classes + 1), the background last; for a cascade the mean of its stages */
  readonly logits: NDArray;
  /** n × (classes * 4), or n × 4 of a class-agnostic head */
  readonly deltas: NDArray;
}

/** Adds up the boxes and scores of the views of one image. The regions of all views are the same proposals. */
export interface BoxMerger {
  add(boxes: ViewBoxes): void;
  /** Returns the detections of the mean boxes with the mean scores, in pixels of the original image. */
  detections(options: Thresholds): Detections;
}

/** Returns a merger without a view. @throws ShapeError from `add` if a view differs in shape from the first */
export function boxMerger(coder: BoxCoder): BoxMerger {
  let views = 0;
  let columns = 1;
  let scores = new Float64Array(0);
  let boxes = new Float64Array(0);
  return {
    add({ view, regions, logits, deltas }) {
      checkFinite('boxMerger', 'logits', logits.data);
      const count = regions.length / 4;
      columns = logits.data.length / count;
      // a class-agnostic head has one box for all classes, which decodes to n × 4
      const rows: NDArray = { shape: [count, deltas.data.length / count], data: deltas.data };
      const decoded = fromView(decodeDeltas(regions, rows, coder, view.resized), view);
      const probabilities = softmaxRows(logits.data, columns);
      if (views === 0) {
        scores = new Float64Array(probabilities.length);
        boxes = new Float64Array(decoded.length);
      }
      if (probabilities.length !== scores.length || decoded.length !== boxes.length) {
        throw new ShapeError(
          `views: one has ${probabilities.length} scores and ${decoded.length / 4} boxes, others ${scores.length} and ${boxes.length / 4}.`,
        );
      }
      for (let i = 0; i < scores.length; i++) scores[i]! += probabilities[i]!;
      for (let i = 0; i < boxes.length; i++) boxes[i]! += decoded[i]!;
      views++;
    },
    detections(options) {
      const classes = columns - 1;
      const perRegion = (boxes.length / scores.length) * columns;
      const wanted = labelsToScore(options);
      const candidates: number[] = [];
      for (let i = 0; i < scores.length; i++) {
        if (!(Math.fround(scores[i]! / views) > options.score)) continue;
        const label = i % columns;
        if (label !== classes && (!wanted || wanted.has(label))) candidates.push(i);
      }
      const found = new Float32Array(4 * candidates.length);
      for (const [n, i] of candidates.entries()) {
        const from = Math.floor(i / columns) * perRegion + (perRegion === 4 ? 0 : 4 * (i % columns));
        for (let k = 0; k < 4; k++) found[4 * n + k] = boxes[from + k]! / views;
      }
      const values = Float32Array.from(candidates, (i) => scores[i]! / views);
      const labels = Int32Array.from(candidates, (i) => i % columns);
      return suppressed(found, values, labels, undefined, options);
    },
  };
}

/** The candidates of a dense head in one view. */
export interface ViewCandidates {
  readonly candidates: Candidates;
  readonly view: ViewGeometry;
}

/** Joins the candidates of a dense head in all views, in pixels of the original image. */
export function joinedCandidates(found: readonly ViewCandidates[]): Pick<Candidates, 'boxes' | 'logits' | 'labels'> {
  return {
    boxes: joined(found.map(({ candidates, view }) => fromView(candidates.boxes, view))),
    logits: joined(found.map(({ candidates }) => candidates.logits)),
    labels: Int32Array.from(found.flatMap(({ candidates }) => [...candidates.labels])),
  };
}

function joined(arrays: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    all.set(array, at);
    at += array.length;
  }
  return all;
}

/** Adds up the masks of the views of one image: only the map of each detection's class, so that memory is that of one small map each. */
export interface MaskMerger {
  /** @param logits of the stages of a cascade, or of one head, for the detections in their order */
  add(logits: readonly NDArray[], flipped: boolean): void;
  /** Pastes the mean maps into the boxes, which are in the image's pixels. */
  paste(boxes: Float32Array, imageSize: CompactMask['imageSize'], maskThreshold: number): Sliced<CompactMask[]>;
}

/** Returns a merger without a view. @throws ShapeError from `add` if a detection has no map */
export function maskMerger(labels: Int32Array): MaskMerger {
  const sums: { height: number; width: number; data: Float64Array }[] = [];
  let views = 0;
  return {
    add(logits, flipped) {
      for (const [i, label] of labels.entries()) {
        const { height, width, data } = meanProbabilities(logits, i, label);
        sums[i] ??= { height, width, data: new Float64Array(height * width) };
        const sum = sums[i].data;
        for (let y = 0, row = 0; y < height; y++, row += width) {
          for (let x = 0; x < width; x++) sum[row + x]! += data[row + (flipped ? width - 1 - x : x)]!;
        }
      }
      views++;
    },
    *paste(boxes, imageSize, maskThreshold) {
      const masks: CompactMask[] = [];
      for (const [i, { height, width, data }] of sums.entries()) {
        const mean = { height, width, data: data.map((value) => value / views) };
        masks.push(pasteMask(mean, boxes.subarray(4 * i, 4 * i + 4), imageSize, maskThreshold));
        yield;
      }
      return masks;
    },
  };
}
