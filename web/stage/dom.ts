/** Making elements. Text goes in as text nodes only: names of classes and files may hold anything. */

type Child = Node | string;

/** Makes an element with attributes (`false` leaves one out, `true` gives an empty one) and children. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? '' : String(value));
  }
  made.append(...children);
  return made;
}

const namespace = 'http://www.w3.org/2000/svg';

/** Makes an icon of 20 × 20 of the lines of `path`. */
export function icon(path: string): SVGSVGElement {
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 20 20');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const line = document.createElementNS(namespace, 'path');
  line.setAttribute('d', path);
  svg.append(line);
  return svg;
}

export const icons = {
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  fit: 'M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4',
  compare: 'M10 2.5v15M3.5 5h4v10h-4zM12.5 5h4v10h-4z',
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  download: 'M10 3v10M6 9.5l4 4 4-4M4 16.5h12',
} as const;

/** Returns the 2D context of a canvas. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D;
export function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D;
export function contextOf(canvas: HTMLCanvasElement | OffscreenCanvas): Context {
  const context = canvas.getContext('2d') as Context | null;
  if (!context)
    throw new Error('This browser gives no 2D canvas: too many are open, or memory is short. Reload the page.');
  return context;
}

export type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Offers a file to the visitor. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  element('a', { href: url, download: name }).click();
  // the browser reads the URL after the click
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
