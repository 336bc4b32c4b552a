import { element } from '../elements.ts';
import { segmentationImage } from './bitmaps.ts';
import { contextOf } from './canvas.ts';
import { createGlow } from './glow.ts';
import type { LayersState } from './layers.ts';
import { paintInstances, type Scene } from './paint.ts';
import { paintPoses } from './poses.ts';
import type { Size, View } from './view.ts';

/**
 * Three canvases on top of each other (picture, segmentation, instances), painted in the next frame and only where something
 * changed: moving the score repaints the instances alone.
 */

type Canvas = 'base' | 'regions' | 'instances';

/** What is painted. */
export interface Look {
  readonly picture: CanvasImageSource | undefined;
  /** The image that `view` places in the frame; the picture is drawn at this size. */
  readonly size: Size;
  readonly scene: Scene | undefined;
  readonly state: LayersState;
  readonly view: View;
  readonly room: Size;
}

export interface Surface {
  readonly base: HTMLCanvasElement;
  /** The canvases with the result, which the slider of before and after clips. */
  readonly over: HTMLElement;
  /** Paints canvases, by default all, in the next frame. */
  paint(...canvases: readonly Canvas[]): void;
  /** Forgets the image of the segmentation: another class is lit, or there is another result. */
  forgetRegions(): void;
}

/** Most device pixels per CSS pixel: more is not seen, and costs. */
const mostPixelRatio = 2.5;

/** Milliseconds per frame in which outlines are made: a hundred new masks fill at once and get their outlines over some frames. */
const outlineTime = 8;

const frameSizes = { line: 2, contour: 1.6, text: 12 };

/** @param look tells what is painted @param onPainted hears that the instances were painted */
export function createSurface(look: () => Look, onPainted: () => void): Surface {
  const canvas = () => element('canvas', { class: 'stage-layer' });
  const [base, regions, instances] = [canvas(), canvas(), canvas()];
  const over = element('div', { class: 'stage-over' }, regions, instances);
  const glow = createGlow();
  let due = new Set<Canvas>();
  let requested = false;
  let segmentation: OffscreenCanvas | undefined;

  function paint(...canvases: readonly Canvas[]): void {
    for (const one of canvases.length > 0 ? canvases : (['base', 'regions', 'instances'] as const)) due.add(one);
    if (requested) return;
    requested = true;
    requestAnimationFrame((now) => {
      requested = false;
      const what = due;
      due = new Set();
      const { room } = look();
      if (room.width > 0 && room.height > 0) paintNow(what, now);
    });
  }

  function paintNow(what: ReadonlySet<Canvas>, now: number): void {
    const { picture, size, scene, state, view, room } = look();
    const ratio = Math.min(mostPixelRatio, devicePixelRatio);
    const begin = (target: HTMLCanvasElement) => {
      const [width, height] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
      if (target.width !== width) target.width = width;
      if (target.height !== height) target.height = height;
      const context = contextOf(target);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      return context;
    };
    const copy = (context: CanvasRenderingContext2D, image: CanvasImageSource) => {
      // enlarged far, pixels are seen as squares
      context.imageSmoothingEnabled = view.scale * ratio < 6;
      context.imageSmoothingQuality = view.scale * ratio < 1 ? 'high' : 'low';
      context.drawImage(image, view.x, view.y, size.width * view.scale, size.height * view.scale);
    };
    if (what.has('base')) {
      const context = begin(base);
      if (picture) copy(context, picture);
    }
    if (what.has('regions')) {
      const context = begin(regions);
      if (scene && state.segmentation.visible) {
        segmentation ??= segmentationImage(scene.result, state.litSegment);
        if (segmentation) copy(context, segmentation);
      }
      regions.style.opacity = String(state.segmentation.opacity);
    }
    if (what.has('instances')) {
      const context = begin(instances);
      if (scene) {
        scene.allow(outlineTime);
        const { strength, light, isMoving } = glow.at(now, state, scene);
        const sizes = frameSizes;
        const target = { context, view, frame: room, sizes };
        paintInstances(target, scene, { ...state, ...light }, strength);
        if (scene.posed) paintPoses(target, scene.posed, state.poses);
        if (scene.lacksOutlines || isMoving) paint('instances');
      }
      onPainted();
    }
  }

  return {
    base,
    over,
    paint,
    forgetRegions() {
      segmentation = undefined;
    },
  };
}
