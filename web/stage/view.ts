/** Where the picture lies in its frame: `frame = image · scale + offset`, in CSS pixels. Plain arithmetic, without a page. */

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface View extends Point {
  /** CSS pixels per pixel of the image. */
  readonly scale: number;
}

/** The largest zoom, in CSS pixels per pixel of the image: single pixels are seen well. */
const largestScale = 24;

/** Returns the view in which the whole image is as large as the frame allows, in its middle. */
export function fitView(image: Size, frame: Size): View {
  const scale = Math.min(frame.width / image.width, frame.height / image.height);
  return { scale, x: (frame.width - image.width * scale) / 2, y: (frame.height - image.height * scale) / 2 };
}

/** Tells if the view shows more than the whole image. */
export const isZoomed = (view: View, image: Size, frame: Size): boolean =>
  view.scale > 1.001 * fitView(image, frame).scale;

/**
 * Returns the nearest view that is allowed: not smaller than the whole image, not larger than `largestScale` (or than the whole
 * image if that is larger), and without an empty border if the image is larger than the frame.
 */
export function clampView(view: View, image: Size, frame: Size): View {
  const { scale: smallest } = fitView(image, frame);
  const scale = clamp(view.scale, smallest, Math.max(smallest, largestScale));
  return {
    scale,
    x: clampOffset(view.x, image.width * scale, frame.width),
    y: clampOffset(view.y, image.height * scale, frame.height),
  };
}

/** Zooms by a factor so that the image's point under `at` stays there. */
export function zoomAt(view: View, factor: number, at: Point, image: Size, frame: Size): View {
  const { scale } = clampView({ ...view, scale: view.scale * factor }, image, frame);
  const grown = scale / view.scale;
  return clampView({ scale, x: at.x - (at.x - view.x) * grown, y: at.y - (at.y - view.y) * grown }, image, frame);
}

export const panBy = (view: View, by: Point, image: Size, frame: Size): View =>
  clampView({ ...view, x: view.x + by.x, y: view.y + by.y }, image, frame);

/** Moves the view as little as needed to show a box of the image; one that is too large is centred. */
export function reveal(view: View, [x1, y1, x2, y2]: Box, image: Size, frame: Size): View {
  const along = (from: number, to: number, room: number) => {
    if (to - from > room) return (room - from - to) / 2;
    return from < 0 ? -from : Math.min(0, room - to);
  };
  const from = toFrame(view, { x: x1, y: y1 });
  const to = toFrame(view, { x: x2, y: y2 });
  return panBy(view, { x: along(from.x, to.x, frame.width), y: along(from.y, to.y, frame.height) }, image, frame);
}

/** x1, y1, x2, y2 in pixels of the image. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

export const toImage = ({ scale, x, y }: View, point: Point): Point => ({
  x: (point.x - x) / scale,
  y: (point.y - y) / scale,
});

export const toFrame = ({ scale, x, y }: View, point: Point): Point => ({
  x: point.x * scale + x,
  y: point.y * scale + y,
});

export const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));

const clampOffset = (offset: number, length: number, room: number): number =>
  length <= room ? (room - length) / 2 : clamp(offset, room - length, 0);
