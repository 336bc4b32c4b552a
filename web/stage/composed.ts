import { sizesFor } from 'moganet/render';
import { canvasOf, imageDataOf, segmentationImage } from './bitmaps.ts';
import { contextOf } from './canvas.ts';
import type { LayersState } from './layers.ts';
import { paintInstances, type Scene } from './paint.ts';
import { paintPoses } from './poses.ts';

/** Draws the picture of a result with its layers at the size of the image, with lines and text as the size asks for. */
export function composed(scene: Scene, state: LayersState): OffscreenCanvas {
  const { image } = scene.result;
  const canvas = canvasOf(imageDataOf(image));
  const context = contextOf(canvas);
  if (state.segmentation.visible) {
    const regions = segmentationImage(scene.result, undefined);
    context.globalAlpha = state.segmentation.opacity;
    if (regions) context.drawImage(regions, 0, 0);
    context.globalAlpha = 1;
  }
  scene.allow(Infinity);
  const { lineWidth: line, contourWidth: contour, textSize: text } = sizesFor(image);
  const over = new OffscreenCanvas(image.width, image.height);
  const view = { scale: 1, x: 0, y: 0 };
  const target = { context: contextOf(over), view, frame: image, sizes: { line, contour, text } };
  paintInstances(target, scene, state, 0);
  if (scene.posed) paintPoses(target, scene.posed, state.poses);
  context.drawImage(over, 0, 0);
  return canvas;
}
