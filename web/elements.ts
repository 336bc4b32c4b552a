/** Finding and making elements. Text goes in as text nodes only: names of classes and files may hold anything. */

/** Returns an element of the page by its id. @throws Error if the page has none of that class */
export function find<E extends HTMLElement>(id: string, type: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${type.name} with the id ${id}.`);
}

type Attribute = string | number | boolean | (() => void);

/**
 * Makes an element with attributes and children. `false` leaves an attribute out, `true` gives an empty one, and a function listens:
 * `{ onclick: open }`.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') Object.assign(made, { [name]: value });
    else if (value !== false) made.setAttribute(name, value === true ? '' : String(value));
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
  box: 'M3.5 5.5h13v9h-13z',
  compare: 'M10 2.5v15M3.5 5h4v10h-4zM12.5 5h4v10h-4z',
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7 7h9v9H7zM4 13V4h9',
  download: 'M10 3v10M6 9.5l4 4 4-4M4 16.5h12',
} as const;

/** Offers a file to the visitor. */
export function download(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  element('a', { href: url, download: name }).click();
  // the browser reads the URL after the click
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
