import { ndarray, type Size } from '../../../src/arrays.ts';
import { iouXywh } from '../../../src/postprocess/boxes.ts';
import { compactMask, fullRle, maskArea, maskBitmap } from '../../../src/postprocess/masks.ts';
import { forEachPastedColumn, pasteAnywhere } from '../../../src/postprocess/paste_masks.ts';
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
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';

/**
 * Compares COCO's mask functions: strings, runs, areas, boxes, IoU, merging and polygons. All but the IoU are exact.
 */
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

/** Compares probability maps pasted into the image: soft values if stored, pixels, run lengths and areas. */
export async function maskPaste(golden: GoldenCase): Promise<void> {
  const { img_size, threshold, rle, area, uncertain_pixels } = golden.json;
  const imageSize = { height: img_size[0], width: img_size[1] };
  const maps = await inputOf(golden, 'masks');
  const boxes = await inputOf(golden, 'boxes');
  const [count = 0, height = 0, width = 0] = maps.shape;
  const pixels = imageSize.height * imageSize.width;
  const soft = new Float32Array(count * pixels);
  const expected = (await golden.stored('binary')).data;
  for (let i = 0; i < count; i++) {
    const map = { height, width, data: maps.data.subarray(i * height * width, (i + 1) * height * width) };
    const box = boxes.data.subarray(4 * i, 4 * i + 4);
    forEachPastedColumn(map, box, imageSize, (x, top, values) => {
      for (const [y, value] of values.entries()) soft[i * pixels + (top + y) * imageSize.width + x] = value;
    });
    const mask = pasteAnywhere(map, box, imageSize, threshold);
    const allowed = uncertain_pixels?.[i] ?? 0;
    const differing = maskBitmap(mask).reduce((sum, bit, at) => sum + (bit === expected[i * pixels + at] ? 0 : 1), 0);
    if (differing > allowed) {
      throw new GoldenMismatch(`binary: mask ${i} differs in ${differing} pixels, ${allowed} are uncertain`);
    }
    if (differing > 0) continue;
    const counts = rleToString(fullRle(mask));
    if (counts !== rle[i].counts) throw new GoldenMismatch(`rle ${i}: "${counts}", expected "${rle[i].counts}"`);
    if (maskArea(mask) !== area[i]) throw new GoldenMismatch(`area ${i}: ${maskArea(mask)}, expected ${area[i]}`);
  }
  if (golden.tensors.has('soft')) {
    await expectTensor(golden, 'soft', ndarray([count, imageSize.height, imageSize.width], soft));
  }
}
