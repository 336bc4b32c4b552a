import type { KeypointNames, LabelledObject } from '../data/image_set.ts';
import type { Scale } from '../postprocess/boxes.ts';
import { compactMask } from '../postprocess/masks.ts';
import { maskRings, type Ring } from '../postprocess/polygons.ts';
import type { Rle } from '../postprocess/rle.ts';
import { simplifyRings } from '../postprocess/simplify.ts';

/** What reports and galleries draw alike over an image that is shown smaller. */

/** Pairs of keypoints that are joined. */
export type Skeleton = KeypointNames['skeleton'];

/** Returns a coordinate with one decimal, which is all that is seen. */
export const short = (value: number): number => Math.round(value * 10) / 10;

/** Returns the outlines of a mask in pixels of its image, within a pixel of what is shown. None for an empty mask. */
export const outlinesOf = (mask: Rle, scale: Scale): Ring[] =>
  simplifyRings(maskRings(compactMask(mask)), 0.75 / Math.max(scale.x, scale.y));

interface Dot {
  readonly x: number;
  readonly y: number;
  /** Labelled, but not seen. */
  readonly hidden: boolean;
}

/** Returns the keypoints that are labelled, in pixels of what is shown, and the lines between them as the data of a path. */
export function drawnKeypoints(
  keypoints: NonNullable<LabelledObject['keypoints']>,
  scale: Scale,
  skeleton: Skeleton,
): { readonly points: readonly Dot[]; readonly links: string } {
  const points = keypoints.map(([x, y, visibility]) =>
    visibility > 0 ? { x: short(x * scale.x), y: short(y * scale.y), hidden: visibility === 1 } : undefined,
  );
  const links = skeleton.flatMap(([from, to]) => {
    const [a, b] = [points[from], points[to]];
    return a && b ? `M${a.x} ${a.y}L${b.x} ${b.y}` : [];
  });
  return { points: points.filter((point) => point !== undefined), links: links.join('') };
}
