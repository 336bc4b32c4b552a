import type { Point } from './view.ts';

/** Pointers, wheel and pinch on the frame, as what they ask for. */

export interface Gestures {
  /** A pointer that may hover is over a point. */
  hover(at: Point): void;
  leave(): void;
  /** A click or a tap, without a movement. */
  press(at: Point): void;
  pan(by: Point): void;
  zoom(factor: number, at: Point): void;
  /** Tells if the wheel, without a key, zooms rather than scrolls the page. */
  wheelZooms(direction: 'in' | 'out'): boolean;
  /** Tells if one finger moves the picture rather than scrolls the page. */
  isMovable(): boolean;
}

/** Pointer travel, in CSS pixels, up to which it is a press. */
const pressTravel = 5;

/** Listens on `frame`. */
export function listenForGestures(frame: HTMLElement, gestures: Gestures): void {
  const pointers = new Map<number, Point>();
  let travelled = 0;
  let hadTwo = false;

  const positionOf = ({ clientX, clientY }: PointerEvent | WheelEvent): Point => {
    const { left, top } = frame.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  const isOnPicture = ({ target }: Event) => target instanceof HTMLCanvasElement || target === frame;

  frame.addEventListener('pointerdown', (event) => {
    if (!isOnPicture(event) || event.button !== 0) return;
    if (pointers.size === 0) {
      travelled = 0;
      hadTwo = false;
    }
    pointers.set(event.pointerId, positionOf(event));
    if (pointers.size === 2) hadTwo = true;
    // a mouse may leave the frame while it drags
    if (event.pointerType === 'mouse') frame.setPointerCapture(event.pointerId);
  });

  frame.addEventListener('pointermove', (event) => {
    const at = positionOf(event);
    const before = pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType !== 'touch' && isOnPicture(event)) gestures.hover(at);
      else if (event.pointerType !== 'touch') gestures.leave();
      return;
    }
    const [first, second] = [...pointers.values()];
    pointers.set(event.pointerId, at);
    travelled += Math.hypot(at.x - before.x, at.y - before.y);
    if (first && second) {
      const [a, b] = [...pointers.values()];
      if (!a || !b) return;
      const distance = (p: Point, q: Point) => Math.max(1, Math.hypot(p.x - q.x, p.y - q.y));
      const middle = (p: Point, q: Point) => ({ x: (p.x + q.x) / 2, y: (p.y + q.y) / 2 });
      const [from, to] = [middle(first, second), middle(a, b)];
      gestures.zoom(distance(a, b) / distance(first, second), from);
      gestures.pan({ x: to.x - from.x, y: to.y - from.y });
    } else if (travelled > pressTravel && gestures.isMovable()) {
      gestures.leave();
      gestures.pan({ x: at.x - before.x, y: at.y - before.y });
    }
  });

  frame.addEventListener('pointerup', (event) => {
    if (!pointers.delete(event.pointerId)) return;
    if (pointers.size === 0 && travelled <= pressTravel && !hadTwo) gestures.press(positionOf(event));
  });
  frame.addEventListener('pointercancel', ({ pointerId }) => void pointers.delete(pointerId));
  frame.addEventListener('pointerleave', () => gestures.leave());

  // else the browser takes two fingers as a scroll
  const keepPinch = (event: TouchEvent) => {
    if (event.touches.length > 1) event.preventDefault();
  };
  frame.addEventListener('touchmove', keepPinch, { passive: false });

  frame.addEventListener(
    'wheel',
    (event) => {
      const direction = event.deltaY < 0 ? 'in' : 'out';
      // a pinch on a trackpad comes as a wheel with Ctrl
      if (!event.ctrlKey && !event.metaKey && !gestures.wheelZooms(direction)) return;
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1;
      const amount = Math.max(-120, Math.min(120, event.deltaY * lines));
      gestures.zoom(Math.exp(-amount * (event.ctrlKey ? 0.01 : 0.0025)), positionOf(event));
    },
    { passive: false },
  );
}
