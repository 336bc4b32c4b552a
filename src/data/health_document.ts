import { foundIn, isObject } from '../values.ts';
import type { Id, Report } from './health_findings.ts';

/**
 * Reads COCO's annotation file as it is, faults included: whatever has the form of an entry reaches the rules, and what
 * has not is reported. Only own fields count, and ids are keys of Maps, so no name in a file means anything to JavaScript.
 */

/** An entry of a list, with whatever is wrong in it. */
export interface RawEntry {
  /** Position in its list, from 0. */
  readonly index: number;
  readonly id: Id | undefined;
  readonly fields: Readonly<Record<PropertyKey, unknown>>;
}

/** The three lists; empty if they are missing. */
export interface RawDocument {
  readonly images: readonly RawEntry[];
  readonly annotations: readonly RawEntry[];
  readonly categories: readonly RawEntry[];
}

type List = keyof RawDocument;

const kindOf = { images: 'image', annotations: 'annotation', categories: 'category' } as const;

/** Returns the field of an entry; undefined if it has none of its own. */
export const fieldOf = ({ fields }: Pick<RawEntry, 'fields'>, name: string): unknown =>
  Object.hasOwn(fields, name) ? fields[name] : undefined;

/** Tells if a value is a finite number. */
export const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Writes a value in a sentence. Huge and deep ones are cut before they are written. */
export function shownValue(value: unknown): string {
  if (!Array.isArray(value)) return isObject(value) ? 'an object' : foundIn(value);
  const shown = value.slice(0, 8).map((item) => (isObject(item) ? '…' : foundIn(item)));
  return `[${shown.join(', ')}${value.length > shown.length ? `, … (${value.length} values)` : ''}]`;
}

/** Reads the three lists, and reports what is no list, no entry or no id. */
export function readRawDocument(document: unknown, file: string, report: Report): RawDocument {
  const root = { fields: isObject(document) && !Array.isArray(document) ? document : {} };
  const list = (name: List): RawEntry[] => {
    const value = fieldOf(root, name);
    // a test split has no annotations
    if (value === undefined && name === 'annotations') return [];
    const fault = (text: () => string) => report('bad_value', { kind: kindOf[name], ids: [], file, text });
    if (!Array.isArray(value)) {
      fault(() => `"${name}" must be a list, got ${shownValue(value)}`);
      return [];
    }
    const entries: RawEntry[] = [];
    for (const [index, item] of (value as readonly unknown[]).entries()) {
      if (!isObject(item) || Array.isArray(item)) {
        fault(() => `${name}[${index}] must be an object, got ${shownValue(item)}`);
        continue;
      }
      const id = fieldOf({ fields: item }, 'id');
      if (!isNumber(id)) fault(() => `${name}[${index}]: the id must be a number, got ${shownValue(id)}`);
      entries.push({ index, id: isId(id) ? id : undefined, fields: item });
    }
    return entries;
  };
  return { images: list('images'), annotations: list('annotations'), categories: list('categories') };
}

/** Tells if a value can join entries. Ids as strings are reported, and still join entries: else every annotation of theirs would be reported as well. */
export const isId = (value: unknown): value is Id => isNumber(value) || typeof value === 'string';

/** Returns the entries by id, the first of equal ones. @param onDouble hears of every further one */
export function byId(
  entries: readonly RawEntry[],
  onDouble: (id: Id, first: RawEntry, second: RawEntry) => void,
): ReadonlyMap<Id, RawEntry> {
  const known = new Map<Id, RawEntry>();
  for (const entry of entries) {
    if (entry.id === undefined) continue;
    const first = known.get(entry.id);
    if (first) onDouble(entry.id, first, entry);
    else known.set(entry.id, entry);
  }
  return known;
}

/** Names an entry in a sentence: `annotation 5`, or `annotations[3]` if it has no id. */
export const entryName = (list: List, { id, index }: RawEntry): string =>
  id === undefined ? `${list}[${index}]` : `${kindOf[list]} ${typeof id === 'string' ? foundIn(id) : id}`;

/** Returns the ids of entries that have one. */
export const idsOf = (...entries: readonly RawEntry[]): Id[] =>
  entries.flatMap(({ id }) => (id === undefined ? [] : [id]));

/** Returns a file name as it is compared with others: with `/`, and without a leading `./`. */
export const plainFileName = (name: string): string => name.replaceAll('\\', '/').replace(/^(?:\.\/+)+/, '');
