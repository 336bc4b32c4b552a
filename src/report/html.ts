import { UnsupportedError } from '../errors.ts';
import { pageStyles } from './styles.ts';

/**
 * The skeleton of the HTML files that this package writes: markup that escapes what it is given, and a page that makes no
 * request. Names from data sets may hold anything; only `html` and `trusted` make markup.
 */

/** Markup. Everything else that goes into `html` is text, and is escaped. */
export class Html {
  readonly #markup: string;
  constructor(markup: string) {
    this.#markup = markup;
  }
  toString(): string {
    return this.#markup;
  }
}

/** What `html` takes: markup as it is, text and numbers escaped, lists piece by piece, nothing for `undefined` and `false`. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[];

/**
 * Writes markup. Values are escaped for text and for quoted attributes alike, unless they are markup themselves.
 *
 * ```ts
 * html`<p title="${name}">${name}</p>`
 * ```
 */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return new Html(strings.reduce((before, part, i) => `${before}${markupOf(values[i - 1])}${part}`));
}

/** Takes markup that this package made, such as a plot. Never text from data. */
export const trusted = (markup: string): Html => new Html(markup);

/** No markup. */
export const nothing: Html = new Html('');

function markupOf(value: HtmlValue): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string') return escaped(value);
  if (value instanceof Html) return `${value}`;
  return typeof value === 'number' ? escaped(String(value)) : value.map(markupOf).join('');
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/** Escapes text for HTML. */
export const escaped = (text: string): string =>
  printable(text).replace(/[&<>"'`]/g, (character) => entities[character] ?? character);

/** Control characters, and halves of surrogate pairs, which are not allowed in a document. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
const unprintable = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/gu;

/** Replaces what a document may not contain by U+FFFD. */
export const printable = (text: string): string => text.replace(unprintable, '\ufffd');

/** Returns at most `most` characters of a name, with an ellipsis in the middle: endings tell file names apart. */
export function cutName(name: string, most = 60): string {
  if (name.length <= most) return printable(name);
  const characters = Array.from(name.length > 4 * most ? name.slice(0, 2 * most) + name.slice(-2 * most) : name);
  if (characters.length <= most) return printable(name);
  const tail = Math.floor((most - 1) / 3);
  return printable(`${characters.slice(0, most - 1 - tail).join('')}…${characters.slice(-tail).join('')}`);
}

/** Writes a name from data: cut, kept apart from the direction of the text around it, and longer as a tooltip if it was cut. */
export function nameHtml(name: string, most = 60): Html {
  const short = cutName(name, most);
  if (short === printable(name)) return html`<bdi>${short === '' ? '(empty name)' : short}</bdi>`;
  return html`<bdi title="${cutName(name, 400)}">${short}</bdi>`;
}

/** A column of a table. */
export interface Column {
  readonly head: HtmlValue;
  /** Numbers stand at the right, with digits of one width. Default false. */
  readonly numeric?: boolean | undefined;
}

/** Writes a table. The first cell of a row is its heading. A wide one scrolls by itself, and can be reached by keyboard. */
export function table(caption: HtmlValue, columns: readonly Column[], rows: readonly (readonly HtmlValue[])[]): Html {
  const align = (i: number) => (columns[i]?.numeric ? html` class="number"` : nothing);
  return html`<div class="scroll" tabindex="0" role="group" aria-label="table, scrolls sideways"><table>
<caption>${caption}</caption>
<thead><tr>${columns.map(({ head }, i) => html`<th scope="col"${align(i)}>${head}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`
<tr>${row.map((cell, i) => (i === 0 ? html`<th scope="row"${align(i)}>${cell}</th>` : html`<td${align(i)}>${cell}</td>`))}</tr>`,
  )}
</tbody></table></div>`;
}

/** Writes what a reader must know before the figures; nothing for an empty list. */
export const remarksBox = (list: readonly HtmlValue[]): Html =>
  list.length === 0
    ? nothing
    : html`<aside class="card remarks" aria-label="Remarks"><ul class="plain">${list.map((one) => html`<li>${one}</li>`)}</ul></aside>`;

/** More rows than this make a file too large to be of use. */
export const mostRows = 1500;

/** Writes a list of facts: terms and what they are. Those without a value are left out. */
export const facts = (list: readonly (readonly [term: HtmlValue, value: HtmlValue])[]): Html =>
  html`<dl class="facts">${list.map(([term, value]) =>
    value === undefined || value === '' ? nothing : html`<div><dt>${term}</dt><dd>${value}</dd></div>`,
  )}</dl>`;

/** A part of a page with a heading, which the list of contents names. */
export interface Section {
  /** Of letters, digits and `-`: the fragment of its URL. */
  readonly id: string;
  readonly title: string;
  /** A sentence or two under the heading. */
  readonly lead?: HtmlValue;
  readonly body: HtmlValue;
}

/** What a page consists of. */
export interface Page {
  readonly title: string;
  /** A line under the title. */
  readonly lead?: HtmlValue;
  /** What stands above the first section. */
  readonly opening?: HtmlValue;
  readonly sections: readonly Section[];
  /** Style rules beside the common ones. They may not contain text from data. */
  readonly styles?: string | undefined;
  /** A script beside the page, allowed by its hash. The page must be useful without it. It may not contain text from data. */
  readonly script?: string | undefined;
}

/**
 * Returns a whole document that makes no request and runs no script but the one given: a Content-Security-Policy in it
 * says so. It is readable in light and dark, on a phone and on paper.
 *
 * @throws UnsupportedError if there is a script and the runtime has no `crypto.subtle` to compute its hash
 */
export async function pageHtml({ title, lead, opening, sections, styles = '', script }: Page): Promise<string> {
  const scripts = script === undefined ? '' : ` script-src '${await hashOf(script)}';`;
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline';${scripts} base-uri 'none'; form-action 'none'`;
  const contents =
    sections.length > 2 &&
    html`<nav class="contents" aria-label="Contents"><ul>${sections.map(
      (one) => html`<li><a href="#${one.id}">${one.title}</a></li>`,
    )}</ul></nav>`;
  return `${html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${cutName(title, 120)}</title>
<link rel="icon" href="${icon}">
<style>${trusted(pageStyles + styles)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<header class="top"><h1>${nameHtml(title, 120)}</h1>${lead !== undefined && html`<p class="lead">${lead}</p>`}</header>
${contents}
<main id="content">
${opening}
${sections.map(
  (one) => html`<section id="${one.id}" aria-labelledby="${one.id}-title">
<h2 id="${one.id}-title">${one.title}</h2>
${one.lead !== undefined && html`<p class="lead">${one.lead}</p>`}
${one.body}
</section>
`,
)}</main>
${script !== undefined && html`<script>${trusted(script)}</script>`}
</body>
</html>
`}`;
}

/** The icon of the page. Without one a browser asks the server for it. */
const icon =
  'data:image/svg+xml,' +
  encodeURIComponent(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="8" fill="#3b5bdb"/>' +
      '<path d="M7 24V9l9 9 9-9v15" fill="none" stroke="#fff" stroke-width="3.2" stroke-linejoin="round"/>' +
      '<circle cx="16" cy="24" r="2.2" fill="#ffd43b"/></svg>',
  );

async function hashOf(script: string): Promise<string> {
  const { subtle } = globalThis.crypto ?? {};
  if (!subtle) {
    throw new UnsupportedError(
      'a page with a script needs crypto.subtle for its hash. Use Node 20, or serve over https.',
    );
  }
  const digest = await subtle.digest('SHA-256', new TextEncoder().encode(script));
  return `sha256-${base64(new Uint8Array(digest))}`;
}

/** Returns bytes as a URL that needs no request. */
export const dataUrl = (bytes: Uint8Array, type: 'image/jpeg' | 'image/png'): string =>
  `data:${type};base64,${base64(bytes)}`;

/** Encodes base64 without `Buffer`, which browsers lack. Pieces are multiples of three bytes, so that they join. */
function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let from = 0; from < bytes.length; from += 3 * 4096) {
    pieces.push(btoa(String.fromCharCode(...bytes.subarray(from, from + 3 * 4096))));
  }
  return pieces.join('');
}
