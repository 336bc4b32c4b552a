import { colorFor } from 'moganet/render';
import { instanceUnder, labelUnder } from './hit.ts';
import { type Rect, seenPart } from './labels.ts';
import { isShown } from './layers.ts';
import { colorOf } from './shapes.ts';
import type { Look } from './surface.ts';
import type { TooltipText } from './tooltip.ts';
import { type Point, toFrame, toImage } from './view.ts';
import { percent, pixels, scoreText } from './words.ts';

/** What lies under a point of the frame, where it is, and what the tooltip says of it. */

/** Returns the instance under a point, if instances are seen. */
export function instanceAt({ scene, state, view }: Look, at: Point): number | undefined {
  if (!scene || (!state.masks.visible && !state.boxes.visible)) return undefined;
  const { result, shapes } = scene;
  const slack = state.boxes.visible ? 4 / view.scale : 0;
  return instanceUnder(shapes, toImage(view, at), { isShown: (i) => isShown(result, i, state), slack });
}

export function textOf({ scene, state }: Look, index: number): TooltipText | undefined {
  const shape = scene?.shapes[index];
  if (!scene || !shape) return undefined;
  const details = [scoreText(shape.score), pixels(shape.area), percent(shape.share)];
  return { title: shape.name, details, color: colorOf(scene.result, shape, state.colorBy) };
}

/** Returns the class under a point in words, if the segmentation is seen. */
export function classTextAt({ scene, state, view }: Look, at: Point): TooltipText | undefined {
  const found = scene?.result.segmentation;
  if (!found || !scene || !state.segmentation.visible) return undefined;
  const label = labelUnder(found.labels, scene.result.image, found.classes, toImage(view, at));
  if (label === undefined) return undefined;
  const title = found.classes[label] ?? `class ${label}`;
  const share = scene.shares[title] ?? 0;
  return { title, details: [`${percent(share)} of the picture`], color: colorFor(label, found.dataset?.colors) };
}

/** Returns the part of the frame that an instance's box takes. */
export function boxInFrame({ scene, view, room }: Look, index: number): Rect {
  const [x1, y1, x2, y2] = scene?.shapes[index]?.box ?? [0, 0, 0, 0];
  const box = { ...toFrame(view, { x: x1, y: y1 }), width: (x2 - x1) * view.scale, height: (y2 - y1) * view.scale };
  return seenPart(box, room);
}
