import type { Color } from 'moganet/render';
import { element } from '../elements.ts';
import type { Rect } from './labels.ts';
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
  /** Shows words above `area`, below it, or at `pointer` if there is no room for either. */
  show(text: TooltipText, area: Rect, pointer: Point, frame: Size): void;
  hide(): void;
}

/** Pixels between an instance and its words, and between the words and the frame. */
const distance = 8;
const edge = 6;

export function createTooltip(): Tooltip {
  const title = element('strong');
  const details = element('span');
  const root = element('div', { class: 'stage-tooltip', 'aria-hidden': 'true', hidden: true }, title, details);
  return {
    root,
    show({ title: name, details: parts, color }, area, pointer, frame) {
      const words = parts.join(' · ');
      if (title.textContent !== name) title.textContent = name;
      if (details.textContent !== words) details.textContent = words;
      root.style.setProperty('--color', cssColor(color));
      root.hidden = false;
      const { offsetWidth: width, offsetHeight: height } = root;
      const y = [area.y - height - distance, area.y + area.height + distance, pointer.y - height - 2 * distance].find(
        (top) => top >= edge && top + height <= frame.height - edge,
      );
      const middle = area.width < frame.width / 2 ? area.x + area.width / 2 : pointer.x;
      const x = clamp(middle - width / 2, edge, Math.max(edge, frame.width - width - edge));
      root.style.transform = `translate(${Math.round(x)}px, ${Math.round(y ?? pointer.y + 2 * distance)}px)`;
    },
    hide() {
      root.hidden = true;
    },
  };
}
