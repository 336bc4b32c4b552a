import type { Camera } from './camera.ts';
import { boxInFrame, classTextAt, instanceAt, textOf } from './found.ts';
import { listenForGestures } from './gestures.ts';
import type { LayersState, Store } from './layers.ts';
import type { Look } from './surface.ts';
import type { Tooltip } from './tooltip.ts';

/** Pointer and fingers on the frame: they light, tell of and cut out instances, and zoom and move the picture. */

/** What the pointer acts on. */
export interface Pointed {
  readonly layers: Store<LayersState>;
  readonly camera: Camera;
  readonly tooltip: Tooltip;
  readonly look: () => Look;
  /** Cuts an instance out, or closes what is. @param fromKeyboard moves the focus to it */
  select(index: number | undefined, fromKeyboard?: boolean): void;
}

/** Connects the pointer on `frame`. */
export function connectPointer(frame: HTMLElement, { layers, camera, tooltip, look, select }: Pointed): void {
  listenForGestures(frame, {
    hover(at) {
      const seen = look();
      const index = instanceAt(seen, at);
      layers.set({ lit: index });
      const text = index === undefined ? classTextAt(seen, at) : textOf(seen, index);
      frame.classList.toggle('over-instance', index !== undefined);
      const area = index === undefined ? { ...at, width: 0, height: 0 } : boxInFrame(seen, index);
      if (text) tooltip.show(text, area, at, camera.room);
      else tooltip.hide();
    },
    leave() {
      layers.set({ lit: undefined });
      tooltip.hide();
    },
    press: (at) => select(instanceAt(look(), at)),
    pan: camera.pan,
    zoom(factor, at) {
      camera.zoom(factor, at);
      tooltip.hide();
    },
    wheelZooms: (direction) => {
      if (direction === 'out' && !camera.isZoomed) return false;
      const pageScrolls = document.documentElement.scrollHeight > innerHeight + 1;
      return camera.isZoomed || !pageScrolls || document.activeElement === frame;
    },
    isMovable: () => camera.isZoomed,
  });
}
