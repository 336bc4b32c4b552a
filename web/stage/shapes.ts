import type { Result } from 'moganet';
import { decodeBitmap } from 'moganet/postprocess';
import { type Color, colorFor } from 'moganet/render';
import type { MaskCrop, Shape } from './hit.ts';
import type { ColorBy } from './layers.ts';
import { percent, pixels, scoreText } from './words.ts';

/** The instances of a result in the form that drawing and pointing need. Made once per result. */

export interface InstanceShape extends Shape {
  readonly index: number;
  readonly label: number;
  readonly name: string;
  readonly score: number;
  /** The part of the image that it takes, 0 to 1. */
  readonly share: number;
}

export function shapesOf(result: Result): InstanceShape[] {
  const { width, height } = result.image;
  return [...result].map(({ index, label, name, score, box, mask }) => {
    const crop: MaskCrop | undefined = mask && {
      left: mask.left,
      top: mask.top,
      width: mask.rle.width,
      height: mask.rle.height,
      bits: decodeBitmap(mask.rle),
    };
    const [x1, y1, x2, y2] = box;
    const area = mask ? mask.area : Math.round(Math.max(0, x2 - x1) * Math.max(0, y2 - y1));
    return { index, label, name, score, box, area, share: area / (width * height), mask: crop };
  });
}

/** Returns the order in which instances are drawn: large ones first, so that small ones stay visible. */
export const drawingOrder = (shapes: readonly Shape[]): readonly number[] =>
  [...shapes.keys()].sort((a, b) => (shapes[b]?.area ?? 0) - (shapes[a]?.area ?? 0) || b - a);

export const colorOf = (result: Result, { index, label }: InstanceShape, colorBy: ColorBy): Color =>
  colorBy === 'instance' ? colorFor(index) : colorFor(label, result.dataset?.colors);

export const cssColor = (color: Color, alpha = 1): string => `rgb(${color.join(' ')} / ${alpha})`;

/** Says what an instance is, for screen readers. */
export const describe = ({ name, score, area, share }: InstanceShape): string =>
  `${name}, score ${scoreText(score)}, ${pixels(area)}, ${percent(share)} of the picture`;
