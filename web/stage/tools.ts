import { element, icon, icons } from '../elements.ts';
import type { Camera } from './camera.ts';
import { zoomStep } from './keyboard.ts';

/** Makes a button that is pressed or not, at first not. */
export function toggle(label: string, path: string): HTMLButtonElement {
  const attributes = { type: 'button', class: 'stage-tool', 'aria-label': label, title: label };
  return element('button', { ...attributes, 'aria-pressed': 'false' }, icon(path));
}

/** Returns the buttons beside the picture: more of them zoom. @param zoom by a factor */
export function createTools(camera: Camera, zoom: (factor: number) => void, ...more: readonly Node[]): HTMLElement {
  const tool = (label: string, path: string, onclick: () => void) =>
    element('button', { type: 'button', class: 'stage-tool', 'aria-label': label, title: label, onclick }, icon(path));
  const zoomIn = tool('Zoom in', icons.plus, () => zoom(zoomStep));
  const zoomOut = tool('Zoom out', icons.minus, () => zoom(1 / zoomStep));
  const fit = tool('Show the whole picture', icons.fit, camera.fit);
  camera.onMove(() => {
    zoomOut.disabled = fit.disabled = !camera.isZoomed;
  });
  const attributes = { class: 'stage-tools', role: 'group', 'aria-label': 'View', hidden: true };
  return element('div', attributes, ...more, zoomIn, zoomOut, fit);
}
