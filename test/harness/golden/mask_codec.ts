import type { Size } from '../../../src/arrays.ts';
import { iouXywh } from '../../../src/postprocess/boxes.ts';
import { compactMask, fullRle } from '../../../src/postprocess/masks.ts';
import { fillBoxXywh, fillPolygons, fillRings } from '../../../src/postprocess/polygons.ts';
import {
  decodeBitmap,
  encodeBitmap,
  mergeRles,
  type Rle,
  rleArea,
  rleBoxXywh,
  rleFromString,
  rleIou,
  rleOf,
  rleToString,
} from '../../../src/postprocess/rle.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Compares COCO's mask functions: strings, runs, areas, boxes, IoU, merging and polygons. All but the IoU are exact. */
export async function maskCodec(golden: GoldenCase): Promise<void> {
  const { json } = golden;
  const size = sizeFrom(json.size);
  for (const [i, mask] of json.masks.entries()) roundTrip(`masks[${i}]`, mask, size);
  if (json.big) roundTrip('big', json.big, sizeFrom(json.big.size));

  const masks: Rle[] = json.masks.map(({ runs }: { runs: number[] }) => rleOf(runs, size));
  const pick = (indices: readonly number[]) => indices.map((i) => masks[i]!);
  const flags = (crowd: readonly number[]) => crowd.map((flag) => flag === 1);
  const { dets, iscrowd, matrix } = json.iou;
  matrixEqual('iou', rleIou(pick(dets), masks, flags(iscrowd)), matrix);
  const boxes = json.box_iou;
  matrixEqual('box_iou', iouXywh(boxes.dets.flat(), boxes.gts.flat(), flags(boxes.iscrowd)), boxes.matrix);

  for (const [i, { of, intersect, counts }] of json.merge.entries()) {
    const merged = mergeRles(pick(of), intersect ? 'intersection' : 'union');
    equal(`merge[${i}]`, rleToString(merged), counts);
  }
  for (const [i, { polygon, rle, area, bbox }] of json.polygons.entries()) {
    const filled = fillRings([polygon], size);
    equal(`polygons[${i}]`, rleToString(filled), rle);
    equal(`polygons[${i}] area`, rleArea(filled), area);
    equal(`polygons[${i}] bbox`, rleBoxXywh(filled).join(), bbox.join());
  }
  const { of, counts, merged } = json.multi_polygon;
  for (const [i, polygon] of of.entries()) {
    equal(`multi_polygon[${i}]`, rleToString(fillRings([polygon], size)), counts[i]);
  }
  equal('multi_polygon merged', rleToString(fillPolygons(of, size)), merged);
  for (const [i, { bbox, counts, area }] of json.boxes.entries()) {
    const filled = fillBoxXywh(bbox, size);
    equal(`boxes[${i}]`, rleToString(filled), counts);
    equal(`boxes[${i}] area`, rleArea(filled), area);
  }
}

interface MaskJson {
  readonly runs: number[];
  readonly counts: string;
  readonly area: number;
  readonly bbox: number[];
}

function roundTrip(what: string, { runs, counts, area, bbox }: MaskJson, size: Size) {
  const rle = rleOf(runs, size);
  equal(`${what} string`, rleToString(rle), counts);
  equal(`${what} runs`, rleFromString(counts, size).counts.join(), runs.join());
  equal(`${what} bitmap`, encodeBitmap(decodeBitmap(rle), size).counts.join(), runs.join());
  equal(`${what} crop`, fullRle(compactMask(rle)).counts.join(), runs.join());
  equal(`${what} area`, rleArea(rle), area);
  equal(`${what} bbox`, rleBoxXywh(rle).join(), bbox.join());
}

function sizeFrom(pair: readonly (string | number)[]): Size {
  return { height: Number(pair[0]), width: Number(pair[1]) };
}

function equal<T>(what: string, actual: T, expected: T) {
  if (actual !== expected) throw new GoldenMismatch(`${what}: ${actual}, expected ${expected}`);
}

/** Relative 1e-12: both are quotients of whole numbers or of the same products in double. */
function matrixEqual(what: string, actual: Float64Array, expected: readonly (readonly number[])[]) {
  expected.flat().forEach((value, i) => {
    if (!(Math.abs(actual[i]! - value) <= 1e-12 * Math.max(1, Math.abs(value)))) {
      throw new GoldenMismatch(`${what}: value ${i} is ${actual[i]}, expected ${value}`);
    }
  });
}
