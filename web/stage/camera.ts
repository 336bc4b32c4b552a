import { createListeners } from './listeners.ts';
import {
  type Box,
  clampView,
  fitView,
  isZoomed,
  type Point,
  panBy,
  reveal,
  type Size,
  type View,
  zoomAt,
} from './view.ts';

/** Which part of the image the frame shows. */

export interface Camera {
  /** The image in which everything has its place: the result's, or the picture's as long as there is none. */
  readonly size: Size;
  /** The frame, in CSS pixels; without width before it is laid out. */
  readonly room: Size;
  readonly view: View;
  /** Tells if the view shows a part of the image only. */
  readonly isZoomed: boolean;
  /** The middle of the frame. */
  readonly middle: Point;
  /** Looks at an image: one of another size is seen whole. @param isThere tells if there is a picture to look at */
  aim(size: Size, isThere: boolean): void;
  /** @param at the point of the frame that stays, by default its middle */
  zoom(factor: number, at?: Point): void;
  pan(by: Point): void;
  /** Shows the whole image. */
  fit(): void;
  /** Moves as little as needed to show a box of the image. */
  reveal(box: Box): void;
  /** Calls `listener` after every movement. */
  onMove(listener: () => void): void;
}

/** Returns the camera behind a frame, whose size it follows. Without a picture it does not move. */
export function createCamera(frame: HTMLElement): Camera {
  const moved = createListeners<void>();
  let isThere = false;
  let size: Size = { width: 1, height: 1 };
  let room: Size = { width: 0, height: 0 };
  let view: View = { scale: 1, x: 0, y: 0 };
  const middle = () => ({ x: room.width / 2, y: room.height / 2 });

  function move(next: () => View): void {
    if (!isThere) return;
    view = next();
    moved.tell();
  }

  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = frame;
    const wasWhole = !isThere || room.width === 0 || !isZoomed(view, size, room);
    room = { width, height };
    if (width === 0 || height === 0) return;
    move(() => (wasWhole ? fitView(size, room) : clampView(view, size, room)));
  }).observe(frame);

  return {
    get size() {
      return size;
    },
    get room() {
      return room;
    },
    get view() {
      return view;
    },
    get isZoomed() {
      return isThere && isZoomed(view, size, room);
    },
    get middle() {
      return middle();
    },
    aim({ width, height }, isPicture) {
      isThere = isPicture;
      const isOther = width !== size.width || height !== size.height;
      size = { width, height };
      if (isOther && room.width > 0) move(() => fitView(size, room));
    },
    zoom: (factor, at = middle()) => move(() => zoomAt(view, factor, at, size, room)),
    pan: (by) => move(() => panBy(view, by, size, room)),
    fit: () => move(() => fitView(size, room)),
    reveal: (box) => move(() => reveal(view, box, size, room)),
    onMove: (listener) => void moved.add(listener),
  };
}
