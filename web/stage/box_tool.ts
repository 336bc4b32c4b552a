import { element, icons } from '../elements.ts';
import type { Camera } from './camera.ts';
import { toggle } from './tools.ts';
import { type Box, clamp, type Point, type Size, toImage } from './view.ts';

/** Boxes that a visitor draws on the picture: where a pose model looks for a person. */

export interface BoxTool {
  /** Turns drawing on and off; it is on until the button is pressed again. */
  readonly button: HTMLButtonElement;
  /** The rectangle while it is drawn. */
  readonly rectangle: HTMLElement;
  /** Shows the button, or hides it and ends the drawing. */
  allow(isAllowed: boolean): void;
}

/** Least edge of a box on the screen, in CSS pixels: less is a press. */
const leastEdge = 6;

/**
 * Connects the drawing on `frame`.
 *
 * @param onBox gets each box, in pixels of the picture and within it
 */
export function createBoxTool(frame: HTMLElement, camera: Camera, onBox: (box: Box) => void): BoxTool {
  const button = toggle('Draw boxes around persons', icons.box);
  button.hidden = true;
  const rectangle = element('div', { class: 'stage-box', hidden: true });
  let from: Point | undefined;
  const isOn = () => button.ariaPressed === 'true';
  const turn = (on: boolean) => {
    button.ariaPressed = `${on}`;
    frame.classList.toggle('drawing', on);
    if (!on) end();
  };
  const end = () => {
    from = undefined;
    rectangle.hidden = true;
  };
  const placeOf = ({ clientX, clientY }: PointerEvent): Point => {
    const { left, top } = frame.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };
  button.onclick = () => turn(!isOn());

  // before the gestures, which would move the picture
  const listen = (
    type: 'pointerdown' | 'pointermove' | 'pointerup' | 'pointercancel',
    hear: (event: PointerEvent) => void,
  ) =>
    frame.addEventListener(
      type,
      (event) => {
        const isOnPicture = event.target instanceof HTMLCanvasElement || event.target === frame;
        if (!isOn() || !isOnPicture || !event.isPrimary) return;
        event.stopPropagation();
        hear(event);
      },
      { capture: true },
    );
  listen('pointerdown', (event) => {
    if (event.button !== 0) return;
    frame.setPointerCapture(event.pointerId);
    from = placeOf(event);
  });
  listen('pointermove', (event) => {
    if (!from) return;
    const [x1, y1, x2, y2] = corners(from, placeOf(event));
    rectangle.hidden = false;
    rectangle.style.transform = `translate(${x1}px, ${y1}px)`;
    rectangle.style.width = `${x2 - x1}px`;
    rectangle.style.height = `${y2 - y1}px`;
  });
  listen('pointerup', (event) => {
    if (!from) return;
    const [x1, y1, x2, y2] = corners(from, placeOf(event));
    end();
    if (x2 - x1 < leastEdge || y2 - y1 < leastEdge) return;
    const box = within(camera.size, toImage(camera.view, { x: x1, y: y1 }), toImage(camera.view, { x: x2, y: y2 }));
    if (box) onBox(box);
  });
  listen('pointercancel', end);

  return {
    button,
    rectangle,
    allow(isAllowed) {
      button.hidden = !isAllowed;
      if (!isAllowed) turn(false);
    },
  };
}

const corners = (a: Point, b: Point): Box => [
  Math.min(a.x, b.x),
  Math.min(a.y, b.y),
  Math.max(a.x, b.x),
  Math.max(a.y, b.y),
];

/** Returns the part of a box that lies in the picture, if there is one. */
function within({ width, height }: Size, from: Point, to: Point): Box | undefined {
  const [x1, y1] = [clamp(from.x, 0, width), clamp(from.y, 0, height)];
  const [x2, y2] = [clamp(to.x, 0, width), clamp(to.y, 0, height)];
  return x2 - x1 >= 1 && y2 - y1 >= 1 ? [x1, y1, x2, y2] : undefined;
}
