import { itemAt, type NDArray } from '../arrays.ts';
import type { Raster } from '../image/raster.ts';
import type { Inputs } from '../models/task.ts';

/** Images of a list that run together. */
export interface Batch {
  /** The positions of the images in the list. */
  readonly slots: readonly number[];
  readonly inputs: Inputs;
}

/**
 * Puts images together whose inputs have one size. None is padded for another, so that no neighbour changes a result.
 *
 * @param prepare returns the input of one image
 * @returns batches in the order of their first images
 */
export async function equalBatches(
  images: readonly Raster[],
  prepare: (image: Raster) => Promise<Inputs>,
): Promise<Batch[]> {
  const bySize = new Map<string, { slots: number[]; inputs: Inputs[] }>();
  for (const [slot, image] of images.entries()) {
    const inputs = await prepare(image);
    const size = inputs.image.shape.join('×');
    const batch = bySize.get(size) ?? { slots: [], inputs: [] };
    bySize.set(size, batch);
    batch.slots.push(slot);
    batch.inputs.push(inputs);
  }
  return [...bySize.values()].map(({ slots, inputs }) => ({ slots, inputs: joined(inputs) }));
}

function joined(inputs: readonly Inputs[]): Inputs {
  const first = itemAt(inputs, 0);
  if (inputs.length === 1) return first;
  const [, ...extents] = first.image.shape;
  const image: NDArray = {
    shape: [inputs.length, ...extents],
    data: new Float32Array(inputs.length * first.image.data.length),
  };
  for (const [i, one] of inputs.entries()) image.data.set(one.image.data, i * first.image.data.length);
  return { image, geometries: inputs.flatMap(({ geometries }) => geometries) };
}
