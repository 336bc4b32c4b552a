import { boxInFrame, textOf } from './found.ts';
import { neighbour, shownInstances } from './layers.ts';
import type { Pointed } from './pointer.ts';
import { describe } from './shapes.ts';
import type { Point } from './view.ts';

/** The keys on the frame: they go from instance to instance, and zoom and move the picture. */

export const keysHelp =
  'Arrow keys go from instance to instance, Enter cuts one out, Escape closes. Plus and minus zoom, zero shows the whole picture, Shift with an arrow key moves it.';

/** How much one step of the keys and of the buttons zooms. */
export const zoomStep = 1.6;

/** What the keys act on. */
export interface Keyed extends Pointed {
  zoom(factor: number): void;
  /** Says where one is, to screen readers. */
  say(text: string): void;
}

const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: { x: 1, y: 0 },
  ArrowUp: { x: 0, y: 1 },
  ArrowRight: { x: -1, y: 0 },
  ArrowDown: { x: 0, y: -1 },
};

/** Connects the keys on `frame`. */
export function connectKeyboard(frame: HTMLElement, keyed: Keyed): void {
  const { layers, camera, tooltip, zoom, select } = keyed;
  const dim = () => {
    layers.set({ lit: undefined });
    tooltip.hide();
  };
  frame.addEventListener('keydown', (event) => {
    const arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) camera.pan({ x: 60 * arrow.x, y: 60 * arrow.y });
    else if (arrow) step(keyed, arrow.x + arrow.y < 0 ? 1 : -1);
    else if (event.key === '+' || event.key === '=') zoom(zoomStep);
    else if (event.key === '-') zoom(1 / zoomStep);
    else if (event.key === '0') camera.fit();
    else if (event.key === 'Enter' && layers.state.lit !== undefined) select(layers.state.lit, true);
    else if (event.key === 'Escape' && (layers.state.lit ?? layers.state.selected) !== undefined) {
      dim();
      select(undefined);
    } else return;
    event.preventDefault();
  });
  frame.addEventListener('blur', dim);
}

/** Lights the next instance, shows where it is and says what it is. */
function step({ layers, camera, tooltip, look, say }: Keyed, by: 1 | -1): void {
  const { scene } = look();
  if (!scene) return;
  const lit = neighbour(shownInstances(scene.result, layers.state), layers.state.lit ?? layers.state.selected, by);
  layers.set({ lit });
  const shape = lit === undefined ? undefined : scene.shapes[lit];
  if (!shape) return;
  camera.reveal(shape.box);
  const seen = look();
  const text = textOf(seen, shape.index);
  if (text) tooltip.show(text, boxInFrame(seen, shape.index), camera.middle, camera.room);
  say(describe(shape));
}
