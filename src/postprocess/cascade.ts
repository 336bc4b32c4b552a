import { ShapeError } from '../errors.ts';
import type { NDArray, Size } from '../ndarray.ts';
import { type BoxCoder, deltaDecoder } from './boxes.ts';

/** Between the stages of Cascade R-CNN (arXiv 1712.00726). */

/**
 * The regions that the next stage starts from (mmdet's `regress_by_class`): each is moved by the deltas of its best
 * class, the background aside. None is dropped, and none has another order.
 *
 * @param regions n × xyxy in the network's pixels
 * @param logits n × (classes + 1), the background last; of equal ones the lower class counts
 * @param deltas n × (classes * 4), or n × 4 where the head is class-agnostic
 * @param imageSize the network's image before padding: boxes are clipped to it
 * @throws ShapeError where the arrays do not fit together
 */
export function refinedRegions(
  regions: Float32Array,
  logits: NDArray,
  deltas: NDArray,
  coder: BoxCoder,
  imageSize: Size,
): Float32Array {
  const count = regions.length / 4;
  const columns = count > 0 ? logits.data.length / count : 1;
  const perRegion = count > 0 ? deltas.data.length / count : 4;
  if (!Number.isInteger(columns) || (perRegion !== 4 && perRegion !== 4 * (columns - 1))) {
    throw new ShapeError(
      `box head: ${count} regions need logits ${count}×(classes + 1) and deltas ` +
        `${count}×(classes * 4) or ${count}×4, ` +
        `got logits ${logits.shape.join('×')} and deltas ${deltas.shape.join('×')}.`,
    );
  }
  const decode = deltaDecoder(coder, imageSize);
  const refined = new Float32Array(regions.length);
  const { data } = deltas;
  for (let i = 0; i < count; i++) {
    const label = perRegion === 4 ? 0 : bestForeground(logits.data, i * columns, columns - 1);
    const at = i * perRegion + 4 * label;
    decode(refined, 4 * i, regions, 4 * i, data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!);
  }
  return refined;
}

function bestForeground(logits: Float32Array, row: number, classes: number): number {
  let best = 0;
  for (let label = 1; label < classes; label++) if (logits[row + label]! > logits[row + best]!) best = label;
  return best;
}

/** The mean of the stages' logits, element by element. */
export function meanLogits(stages: readonly NDArray[]): NDArray {
  const [first, ...rest] = stages;
  if (rest.length === 0) return first!;
  const data = Float32Array.from(first!.data, (_, i) => {
    let sum = 0;
    for (const stage of stages) sum += stage.data[i]!;
    return sum / stages.length;
  });
  return { shape: first!.shape, data };
}
