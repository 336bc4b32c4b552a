import { parseHTML } from 'linkedom';

/** The part of the DOM that tests read. The tests compile without its types. */
export interface Node {
  readonly textContent: string | null;
  readonly innerHTML: string;
  readonly attributes: Iterable<{ readonly name: string; readonly value: string }>;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Node | null;
  querySelectorAll(selector: string): Iterable<Node> & ArrayLike<Node>;
}

/** Parses a document, or a piece of one. */
export function documentOf(markup: string): Node {
  const whole = markup.startsWith('<!doctype') ? markup : `<!doctype html><html><body>${markup}</body></html>`;
  const { document } = parseHTML(whole) as unknown as { readonly document: Node };
  return document;
}
