import { SaxesParser } from 'saxes';
import { DataError } from '../errors.ts';
import { decodeText } from './text.ts';

/**
 * Reads XML of labels. A document type is passed over and its entities are not known, so nothing is expanded and no other
 * file is read.
 */

/** An element. Comments and processing instructions are passed over. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  /** The text directly in it, without the blanks around. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

/** What a document may have at the most. */
export interface XmlLimits {
  readonly elements: number;
}

/** Labels are flat. */
const deepest = 64;

interface Open {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: XmlElement[];
  text: string;
}

/**
 * Returns the root of a document.
 *
 * @throws DataError with line and column for what is not XML, and for more elements than the limit
 */
export function readXml(bytes: Uint8Array, name: string, limits: XmlLimits): XmlElement {
  const parser = new SaxesParser({ position: true });
  const open: Open[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  const refuse = (reason: string) => new DataError(`${name}: line ${parser.line}, column ${parser.column}: ${reason}`);
  parser.on('error', ({ message }) => {
    throw refuse(`not XML: ${message.replace(/^\d+:\d+: /, '')}`);
  });
  parser.on('opentag', ({ name: tag, attributes }) => {
    if (++elements > limits.elements) throw refuse(`more than ${limits.elements} elements.`);
    if (open.length >= deepest) throw refuse(`nested deeper than ${deepest}.`);
    open.push({ name: tag, attributes: new Map(Object.entries(attributes)), children: [], text: '' });
  });
  const add = (text: string) => {
    const last = open.at(-1);
    if (last) last.text += text;
  };
  parser.on('text', add);
  parser.on('cdata', add);
  parser.on('closetag', () => {
    const element = open.pop();
    if (!element) return;
    element.text = element.text.trim();
    const parent = open.at(-1);
    if (parent) parent.children.push(element);
    else root ??= element;
  });
  parser.write(decodeXml(bytes, name)).close();
  if (!root) throw new DataError(`${name}: has no element.`);
  return root;
}

/** Decodes UTF-8 or UTF-16, else as the document declares itself: tools of some countries write their own encodings. */
function decodeXml(bytes: Uint8Array, name: string): string {
  const start = new TextDecoder('latin1').decode(bytes.subarray(0, 200));
  const declared = /^<\?xml[^>]*\bencoding\s*=\s*["']([\w.:-]+)["']/.exec(start)?.[1]?.toLowerCase();
  if (declared === undefined || /^utf-?(?:8|16)/.test(declared)) return decodeText(bytes, name);
  try {
    return new TextDecoder(declared, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new DataError(`${name}: not a text in ${declared}, as it declares itself. Save it as UTF-8.`, { cause });
  }
}

/** Returns the first child of a name. */
export const childOf = (element: XmlElement, name: string): XmlElement | undefined =>
  element.children.find((child) => child.name === name);

/** Returns all children of a name, in order. */
export const childrenOf = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter((child) => child.name === name);

/** Returns the text of a child; undefined if there is none, or if it is empty. */
export const textOf = (element: XmlElement, name: string): string | undefined =>
  childOf(element, name)?.text || undefined;

/** Returns a number written as text. @throws DataError with the place */
export function numberOf(text: string | undefined, place: string): number {
  const value = text === undefined || text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value)) return value;
  throw new DataError(
    `${place}: must be a number, got ${text === undefined ? 'nothing' : JSON.stringify(text.slice(0, 40))}.`,
  );
}
