import type { Result } from 'moganet';
import { type Color, readableOn, sidesOf } from 'moganet/render';
import { maskImage } from './bitmaps.ts';
import type { Context } from './canvas.ts';
import { classesFirst, fewLabels, type PlacedLabel, placeLabels, seenPart } from './labels.ts';
import { isShown, type Labels, type LayersState } from './layers.ts';
import type { PoseScene } from './poses.ts';
import { colorOf, cssColor, drawingOrder, type InstanceShape, shapesOf } from './shapes.ts';
import { type Size, toFrame, type View } from './view.ts';
import { scoreText } from './words.ts';

/** Draws the instances of a result on a canvas: the stage's, or one of the image's size for a file. */

/** Lengths in pixels of the canvas. */
export interface Sizes {
  readonly line: number;
  readonly contour: number;
  readonly text: number;
}

export interface Target {
  readonly context: Context;
  readonly view: View;
  /** The canvas in units of `view`. */
  readonly frame: Size;
  readonly sizes: Sizes;
}

/** A result with what is made of it once. */
export interface Scene {
  readonly result: Result;
  readonly shapes: readonly InstanceShape[];
  /** Draws the mask, in the coordinates of the image. */
  fill(context: Context, index: number, color: Color): void;
  /** The outline of the mask, in the coordinates of the image. */
  outline(index: number): Path2D | undefined;
  readonly order: readonly number[];
  readonly posed: PoseScene | undefined;
  /** The part of the image that each class of the segmentation takes, by name. */
  readonly shares: Readonly<Record<string, number>>;
  /** Allows new outlines to be made for so many milliseconds; those that come later are left out. */
  allow(milliseconds: number): void;
  /** Tells if outlines were left out since then: another painting will have more of them. */
  readonly lacksOutlines: boolean;
}

/** How far an outline may move from the edges of pixels, so that it looks smooth. */
const tolerance = 0.75;

export function createScene(result: Result): Scene {
  const shapes = shapesOf(result);
  const { poses } = result;
  const images = new Map<number, { readonly color: Color; readonly image: OffscreenCanvas | undefined }>();
  const outlines = new Map<number, Path2D>();
  let shares: Scene['shares'] | undefined;
  let deadline = Infinity;
  let lacking = false;
  return {
    result,
    shapes,
    order: drawingOrder(shapes),
    posed: poses && { poses, sides: sidesOf(poses.keypoints) },
    get shares() {
      shares ??= result.shares; // reads every pixel
      return shares;
    },
    fill(context, index, color) {
      const crop = shapes[index]?.mask;
      if (!crop) return;
      let kept = images.get(index);
      if (kept?.color !== color) {
        kept = { color, image: maskImage(crop, color) };
        images.set(index, kept);
      }
      if (kept.image) context.drawImage(kept.image, crop.left, crop.top);
    },
    outline(index) {
      const mask = result.masks?.[index];
      if (!mask) return undefined;
      let path = outlines.get(index);
      if (!path) {
        if (performance.now() > deadline) {
          lacking = true;
          return undefined;
        }
        path = pathOf(mask.toPolygons({ tolerance }));
        outlines.set(index, path);
      }
      return path;
    },
    allow(milliseconds) {
      deadline = performance.now() + milliseconds;
      lacking = false;
    },
    get lacksOutlines() {
      return lacking;
    },
  };
}

function pathOf(rings: readonly ArrayLike<number>[]): Path2D {
  const path = new Path2D();
  for (const ring of rings) {
    for (let i = 0; i < ring.length; i += 2) {
      if (i === 0) path.moveTo(ring[0] ?? 0, ring[1] ?? 0);
      else path.lineTo(ring[i] ?? 0, ring[i + 1] ?? 0);
    }
    path.closePath();
  }
  return path;
}

/** Opacity of instances beside a lit one, and of the veil over the rest of the picture. */
const dimmed = 0.22;
const veil = 0.45;

/** How much of a lit instance's colour lies on it: the picture itself is seen, with a breath of the colour. */
const litOpacity = 0.16;

/**
 * Draws the instances that are shown. The canvas is empty before.
 *
 * @param light how strong the light on one instance, or on those of one class, is: 0 none, 1 the others dim in full
 */
export function paintInstances(target: Target, scene: Scene, state: LayersState, light: number): void {
  const { shapes, result, order } = scene;
  const pieceOf = (i: number): Piece[] => {
    const shape = shapes[i];
    return shape ? [{ shape, color: colorOf(result, shape, state.colorBy) }] : [];
  };
  const pieces = order.filter((i) => isShown(result, i, state)).flatMap(pieceOf);
  const one = state.lit ?? (state.litClass === undefined ? state.selected : undefined);
  const isLit = ({ shape: { index, label } }: Piece) => (one === undefined ? label === state.litClass : index === one);
  const lit = light > 0 ? pieces.filter(isLit) : [];
  // what is lit may be hidden by the score or the class
  const glow = lit.length > 0 ? light : 0;
  if (lit.length > 0) {
    const others = pieces.filter((piece) => !isLit(piece));
    paintPieces(target, scene, state, others, mix(1, dimmed, glow));
    paintVeil(target, scene, lit, glow);
    const masks = { ...state.masks, opacity: mix(state.masks.opacity, litOpacity, glow) };
    paintPieces(target, scene, { ...state, masks }, lit, 1);
  } else paintPieces(target, scene, state, pieces, 1);

  const bestFirst = (some: readonly Piece[]) => [...some].sort((a, b) => a.shape.index - b.shape.index);
  const ofClass = one === undefined && lit.length > 0;
  if (ofClass) paintLabels(target, scene, state.labels === 'none' ? 'few' : state.labels, bestFirst(lit), 1);
  // one lit instance has the tooltip, or its card
  else if (state.labels !== 'none' && glow < 1) paintLabels(target, scene, state.labels, bestFirst(pieces), 1 - glow);
}

const mix = (from: number, to: number, part: number): number => from + (to - from) * part;

/** Darkens the picture and what is drawn so far, except where the lit pieces are. */
function paintVeil(target: Target, scene: Scene, lit: readonly Piece[], glow: number): void {
  const { context, view } = target;
  const { width, height } = scene.result.image;
  context.save();
  context.globalAlpha = veil * glow;
  context.fillStyle = '#05070c';
  context.fillRect(view.x, view.y, width * view.scale, height * view.scale);
  context.globalAlpha = glow;
  context.globalCompositeOperation = 'destination-out';
  for (const piece of lit) inImage(target, () => fillPiece(context, scene, piece));
  context.restore();
}

interface Piece {
  readonly shape: InstanceShape;
  readonly color: Color;
}

function inImage({ context, view: { scale, x, y } }: Target, draw: () => void): void {
  context.save();
  context.translate(x, y);
  context.scale(scale, scale);
  draw();
  context.restore();
}

function fillPiece(context: Context, scene: Scene, { shape, color }: Piece): void {
  if (shape.mask) scene.fill(context, shape.index, color);
  else {
    const [x1, y1, x2, y2] = shape.box;
    context.fillRect(x1, y1, x2 - x1, y2 - y1);
  }
}

function paintPieces(
  target: Target,
  scene: Scene,
  { masks, boxes }: Pick<LayersState, 'masks' | 'boxes'>,
  pieces: readonly Piece[],
  strength: number,
): void {
  const { context, view, sizes } = target;
  context.save();
  context.lineJoin = 'round';
  if (masks.visible) {
    inImage(target, () => {
      context.lineWidth = sizes.contour / view.scale;
      for (const { shape, color } of pieces) {
        context.globalAlpha = strength * masks.opacity;
        scene.fill(context, shape.index, color);
        const outline = scene.outline(shape.index);
        if (!outline) continue;
        context.globalAlpha = strength * Math.min(1, 0.35 + 1.1 * masks.opacity);
        context.strokeStyle = cssColor(color);
        context.stroke(outline);
      }
    });
  }
  if (boxes.visible) {
    for (const { shape, color } of pieces) {
      const { x, y, width, height } = frameBox(shape, view);
      context.globalAlpha = strength * boxes.opacity;
      context.lineWidth = sizes.line;
      context.strokeStyle = cssColor(color);
      context.strokeRect(x, y, width, height);
    }
  }
  context.restore();
}

function frameBox({ box: [x1, y1, x2, y2] }: InstanceShape, view: View) {
  const { x, y } = toFrame(view, { x: x1, y: y1 });
  return { x, y, width: (x2 - x1) * view.scale, height: (y2 - y1) * view.scale };
}

/** Widths of texts at a size of 1: measuring is slow, and a frame has many labels. */
const widths = new Map<string, number>();

const fontOf = (size: number): string => `600 ${size}px system-ui, sans-serif`;

function widthOf(context: Context, text: string, size: number): number {
  let width = widths.get(text);
  if (width === undefined) {
    context.font = fontOf(100);
    width = context.measureText(text).width / 100;
    if (widths.size > 5000) widths.clear(); // names with scores of many pictures
    widths.set(text, width);
  }
  return width * size;
}

function paintLabels(
  target: Target,
  scene: Scene,
  labels: Labels,
  bestFirst: readonly Piece[],
  strength: number,
): void {
  const { context, view, frame, sizes } = target;
  const size = sizes.text;
  const pad = 0.45 * size;
  const height = Math.round(1.5 * size);
  const pieces =
    labels === 'all' ? bestFirst : classesFirst(bestFirst.map((piece) => ({ ...piece, label: piece.shape.label })));
  const byIndex = new Map(pieces.map((piece) => [piece.shape.index, piece]));
  const wishes = pieces.map(({ shape }) => {
    const text = `${shape.name} ${scoreText(shape.score)}`;
    return {
      index: shape.index,
      box: frameBox(shape, view),
      width: Math.ceil(widthOf(context, text, size) + 2 * pad),
      height,
    };
  });
  const relative = 12 / size; // a file's labels are as large as its image asks for
  const { width, height: tall } = scene.result.image;
  const picture = { ...toFrame(view, { x: 0, y: 0 }), width: width * view.scale, height: tall * view.scale };
  const room = seenPart(picture, frame);
  const few = fewLabels({ width: room.width * relative, height: room.height * relative });
  const placed = placeLabels(wishes, room, { most: labels === 'all' ? wishes.length : few, apart: labels === 'all' });
  context.save();
  context.globalAlpha = strength;
  context.font = fontOf(size);
  context.textBaseline = 'middle';
  for (const label of placed) {
    const piece = byIndex.get(label.index);
    if (piece) paintLeader(context, label, piece.color, sizes);
  }
  for (const label of placed) {
    const piece = byIndex.get(label.index);
    if (!piece) continue;
    const { shape, color } = piece;
    context.fillStyle = cssColor(color, 0.94);
    context.beginPath();
    context.roundRect(label.x, label.y, label.width, label.height, size / 3);
    context.fill();
    context.fillStyle = cssColor(readableOn(color));
    const middle = label.y + label.height / 2 + size / 24;
    context.globalAlpha = strength;
    context.fillText(shape.name, label.x + pad, middle);
    context.globalAlpha = 0.75 * strength;
    context.fillText(scoreText(shape.score), label.x + pad + widthOf(context, `${shape.name} `, size), middle);
    context.globalAlpha = strength;
    context.font = fontOf(size); // measuring sets another
  }
  context.restore();
}

function paintLeader(context: Context, { leader }: PlacedLabel, color: Color, { line }: Sizes): void {
  if (!leader) return;
  const { from, to } = leader;
  context.lineCap = 'round';
  for (const [width, style] of [
    [1.6 * line, 'rgb(0 0 0 / 0.55)'],
    [0.8 * line, cssColor(color)],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = style;
    context.beginPath();
    context.moveTo(from.x, from.y);
    context.lineTo(to.x, to.y);
    context.stroke();
  }
}
