import type { Color } from 'moganet/render';
import { element } from './dom.ts';
import { cssColor } from './shapes.ts';
import { clamp, type Point, type Size } from './view.ts';

/** The words beside the pointer. Screen readers get them from elsewhere. */

export interface TooltipText {
  readonly title: string;
  readonly details: readonly string[];
  readonly color: Color;
}

export interface Tooltip {
  readonly root: HTMLElement;
  show(text: TooltipText, at: Point, frame: Size): void;
  hide(): void;
}

/** Pixels between the pointer and the words. */
const distance = 14;

export function createTooltip(): Tooltip {
  const title = element('strong');
  const details = element('span');
  const root = element('div', { class: 'stage-tooltip', 'aria-hidden': 'true', hidden: true }, title, details);
  return {
    root,
    show({ title: name, details: parts, color }, at, frame) {
      const words = parts.join(' · ');
      if (title.textContent !== name) title.textContent = name;
      if (details.textContent !== words) details.textContent = words;
      root.style.setProperty('--color', cssColor(color));
      root.hidden = false;
      const { offsetWidth: width, offsetHeight: height } = root;
      const above = at.y - height - distance;
      const x = clamp(at.x - width / 2, 6, Math.max(6, frame.width - width - 6));
      const y = above >= 6 ? above : Math.min(at.y + 1.6 * distance, frame.height - height - 6);
      root.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
    },
    hide() {
      root.hidden = true;
    },
  };
}
