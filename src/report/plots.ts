import type * as Plot from '@observablehq/plot';
import { UnsupportedError } from '../errors.ts';
import { cutName, escaped, type Html, type HtmlValue, html, nothing, trusted } from './html.ts';

/**
 * Plots as SVG, drawn by Observable Plot on the document of linkedom. Both packages are optional: they are imported with
 * the first plot.
 */

/** Draws plots of one look. */
export interface Plotter {
  readonly Plot: typeof Plot;
  /** Draws a plot. `alt` says in a sentence what it shows, for those who do not see it. */
  draw(options: Plot.PlotOptions, alt: string): Html;
}

/** The width that plots are drawn at, in CSS pixels. Cards are about as wide, on a computer and on a phone. */
export const plotWidth = 360;

/**
 * Imports the packages that draw.
 *
 * @throws UnsupportedError if one of them is not installed
 */
export async function plotter(): Promise<Plotter> {
  const [plot, { parseHTML }] = await Promise.all([
    imported('@observablehq/plot', () => import('@observablehq/plot')),
    imported('linkedom', () => import('linkedom')),
  ]);
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as unknown as { document: never };
  return {
    Plot: plot,
    draw(options, alt) {
      const made = plot.plot({
        width: plotWidth,
        style: { fontSize: '12px' },
        ...options,
        document,
        className: 'plot',
      });
      return svgOf((made as unknown as { readonly outerHTML: string }).outerHTML, alt);
    },
  };
}

async function imported<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new UnsupportedError(
      `a report's plots need ${name}, which cannot be loaded: ${(cause as Error).message}. ` +
        'Install both optional packages: npm install @observablehq/plot linkedom.',
      { cause },
    );
  }
}

/** Replaces what names the parts of a plot by one description, and its style rules by those of the page. */
function svgOf(markup: string, alt: string): Html {
  const inner = markup
    .replace(/<style>[^<]*<\/style>/, '')
    .replace(/^<svg /, `<svg role="img" aria-label="${escaped(alt)}" `)
    .replace(
      / (?:aria-label="(?:x-|y-|fx-|fy-)?(?:axis|grid|bar|line|dot|rule|text|cell|link|tick|area|rect)[a-z -]*"|aria-hidden="true")/g,
      '',
    );
  return trusted(inner);
}

/** Writes a plot with its caption, and what stands below it. */
export const figure = (caption: HtmlValue, note: HtmlValue, plot: HtmlValue, below: HtmlValue = nothing): Html =>
  html`<figure class="card"><figcaption>${caption}${note !== undefined && note !== '' && html` <small>${note}</small>`}</figcaption>${plot}${below}</figure>`;

/** An entry of a legend: how a mark looks, and what it stands for. */
export interface LegendItem {
  readonly name: HtmlValue;
  readonly color: string;
  /** The dashes of a line, as SVG has them. Undefined for a filled square. */
  readonly dash?: string | undefined;
  /** A ring instead of a square. */
  readonly ring?: boolean | undefined;
}

/** Writes the legend of a plot. */
export const legend = (items: readonly LegendItem[]): Html =>
  html`<ul class="legend">${items.map(
    (item) =>
      html`<li><svg width="22" height="12" aria-hidden="true">${sample(item)}</svg> <span>${item.name}</span></li>`,
  )}</ul>`;

function sample({ color, dash, ring }: LegendItem): Html {
  if (dash !== undefined)
    return html`<path d="M0 6H22" stroke="${color}" stroke-width="2.5" stroke-dasharray="${dash}"/>`;
  if (ring) return html`<circle cx="11" cy="6" r="4" fill="none" stroke="${color}" stroke-width="2"/>`;
  return html`<rect x="5" y="0" width="12" height="12" rx="2" fill="${color}"/>`;
}

/** Returns the colour of a line: eight colours, then the same with other dashes. */
export const lineColor = (index: number): string => `var(--line-${index % 8})`;
const dashes = ['none', '7 3', '2 3', '9 3 2 3'];
/** Returns the dashes of a line, as SVG has them. */
export const lineDash = (index: number): string => dashes[index % dashes.length]!;

/** Names for an axis: cut, and told apart by a number if they look alike then. */
export function axisNames(names: readonly string[], most = 18): string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const cut = cutName(name.trim() === '' ? '(empty)' : name.replace(/\s+/g, ' '), most);
    let free = cut;
    for (let n = 2; taken.has(free); n++) free = `${cutName(cut, most - 4)} (${n})`;
    taken.add(free);
    return free;
  });
}

/** The room that names need at the left of a plot, in pixels, estimated: nothing measures text here. */
export const roomFor = (names: readonly string[]): number =>
  Math.min(170, 16 + names.reduce((most, name) => Math.max(most, lengthOf(name)), 0));

const lengthOf = (name: string): number =>
  Array.from(name).reduce(
    (sum, character) => sum + (character > '\u2e80' ? 12 : /[MW@%mw]/.test(character) ? 10 : 6.6),
    0,
  );
