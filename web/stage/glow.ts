import type { LayersState } from './layers.ts';

/** Lets the light on an instance come and go in some frames, so that a pointer that crosses gaps does not flicker. */

export type Light = Pick<LayersState, 'lit' | 'litClass' | 'selected'>;

export interface Glow {
  /** Returns how strong the light is at a time, 0 to 1, what it is on, and if it still changes. */
  at(
    milliseconds: number,
    light: Light,
    scene: object,
  ): { readonly strength: number; readonly light: Light; readonly isMoving: boolean };
}

/** Milliseconds until the light is full. */
const rise = 130;

const isOn = ({ lit, litClass, selected }: Light): boolean =>
  lit !== undefined || litClass !== undefined || selected !== undefined;

/** @param isCalm tells if the visitor asked for less motion */
export function createGlow(isCalm: () => boolean = () => matchMedia('(prefers-reduced-motion: reduce)').matches): Glow {
  let strength = 0;
  let before: number | undefined;
  let last: Light = {};
  let of: object | undefined;
  return {
    at(now, { lit, litClass, selected }, scene) {
      const wanted: Light = { lit, litClass, selected };
      if (scene !== of) [strength, last, before, of] = [0, {}, undefined, scene];
      if (isOn(wanted)) last = wanted;
      const target = isOn(wanted) ? 1 : 0;
      // the first frame of a change counts as one of 60 in a second
      const step = isCalm() ? 1 : (before === undefined ? 16 : Math.min(50, now - before)) / rise;
      strength = strength < target ? Math.min(target, strength + step) : Math.max(target, strength - step);
      const isMoving = strength !== target;
      before = isMoving ? now : undefined;
      return { strength, light: strength > 0 ? last : wanted, isMoving };
    },
  };
}
