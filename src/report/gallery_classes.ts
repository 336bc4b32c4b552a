import { colorFor } from '../render/colors.ts';
import { type Html, html, nameHtml, nothing } from './html.ts';

/** The classes of a gallery: boxes that hide them, their colours, and the choice of images by class. */

export interface ClassList {
  readonly switches: Html;
  /** For a list of choices. */
  readonly options: Html;
  /** Rules by the classes' positions; no names. */
  readonly styles: string;
}

/** Every rule with `:has` is looked at for every change: rare classes of a long list have no box of their own. */
const mostSwitches = 120;

/** Writes the classes that occur, the most frequent first. @param counts how often each class occurs, by its position */
export function classList(counts: ReadonlyMap<number, number>, nameAt: (index: number) => string): ClassList {
  const byCount = [...counts].toSorted(([a, many], [b, more]) => more - many || a - b);
  const switched = byCount.slice(0, mostSwitches);
  const rest = byCount.length - switched.length;
  const switches =
    byCount.length === 0
      ? nothing
      : html`<fieldset class="switches classes"><legend>Classes, with their counts in these images${
          rest > 0 && ` (${rest} more are always shown)`
        }</legend>${switched.map(
          ([index, count]) =>
            html`<label class="c${index}"><input type="checkbox" id="class-${index}" checked autocomplete="off"><span class="swatch"></span>${nameHtml(nameAt(index), 32)} <small>${count}</small></label>`,
        )}</fieldset>`;
  const options = html`${byCount.map(([index, count]) => html`<option value="${index}">${nameAt(index).slice(0, 60)} (${count})</option>`)}`;
  const colors = byCount.map(([index]) => `.c${index} { --class: rgb(${colorFor(index).join(' ')}); }`);
  const hide = switched.map(
    ([index]) => `main:has(#class-${index}:not(:checked)) .objects .c${index} { display: none; }`,
  );
  return { switches, options, styles: `${[...colors, ...hide].join('\n')}\n` };
}
