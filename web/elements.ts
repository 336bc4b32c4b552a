/** Finding and making elements. Text is always set as text: names of classes and files are never read as HTML. */

/** Returns an element of the page by its id. @throws Error if the page has none of that class */
export function find<E extends HTMLElement>(id: string, type: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`the page has no ${type.name} with the id ${id}.`);
}

/** Makes an element with properties, attributes whose names have a dash or are `role`, and children. */
export function make<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Readonly<Record<string, unknown>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes('-') || key === 'role') element.setAttribute(key, `${value}`);
    else Object.assign(element, { [key]: value });
  }
  element.append(...children);
  return element;
}

/** Returns what went wrong in words. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);

/** Returns a duration as the page writes it: `84 ms`, `3.5 s`. */
export const duration = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
