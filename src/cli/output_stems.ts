import { sep } from 'node:path';

/**
 * Names for outputs after the names of inputs, for any file system: what a name holds that one of them refuses or
 * understands (`..`, `:`, control characters, `CON`) becomes an underscore; what most names hold stays as it is.
 */

/** Bytes that the common file systems give to a name. */
const nameBytes = 255;

/**
 * A relative path for each of `names` (relative paths themselves, folders kept): the name without its extension, with it
 * where two would be the same, with a number behind where they are still. Names that differ in case or in the form of
 * their accents only count as the same. None leads out of the folder that it is put below.
 *
 * @param suffixBytes what will be put behind the longest of them, `.part` of an unfinished file included
 */
export function outputStems(names: readonly string[], suffixBytes = 64): string[] {
  const stems = names.map((name) => {
    const parts = name.split(sep === '/' ? '/' : /[\\/]/).filter((part) => part !== '' && part !== '.');
    const last = parts.pop() ?? '';
    const folders = parts.map((part) => safe(part, nameBytes));
    const path = (file: string) => [...folders, safe(file, nameBytes - suffixBytes)].join('/');
    return { whole: path(last), short: path(last.replace(/(?<=.)\.[^.]*$/, '')), clashes: false };
  });
  const chosen = ({ whole, short, clashes }: (typeof stems)[number]) => (clashes ? whole : short);
  // a whole name may be the stem of another (x.jpg, x.png, x.jpg.png), so until nothing changes
  for (let changed = true; changed; ) {
    const uses = counted(stems.map(chosen));
    changed = false;
    for (const stem of stems) {
      if (stem.clashes || uses.get(folded(stem.short)) === 1) continue;
      stem.clashes = true;
      changed = true;
    }
  }
  return numbered(stems.map(chosen), nameBytes - suffixBytes);
}

/** As the least discerning file system compares names. */
const folded = (name: string): string => name.normalize('NFC').toLowerCase();

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const name of names) uses.set(folded(name), (uses.get(folded(name)) ?? 0) + 1);
  return uses;
}

/** The first of each name keeps it, the next ones get `-2`, `-3` behind. */
function numbered(names: readonly string[], most: number): string[] {
  const uses = counted(names);
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    // a number must not give the name that another input has by itself
    for (let n = 2; taken.has(folded(unique)) || (unique !== name && uses.has(folded(unique))); n++) {
      const slash = name.lastIndexOf('/') + 1;
      unique = `${name.slice(0, slash)}${cut(name.slice(slash), most - `-${n}`.length)}-${n}`;
    }
    taken.add(folded(unique));
    return unique;
  });
}

/** Control characters, marks that turn the direction of writing, and what Windows takes for something else. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff<>:"|?*\\]/g;
/** Windows opens a device under these names, whatever their extension. */
const devices = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

function safe(name: string, most: number): string {
  const plain = name
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '_')
    .replace(forbidden, '_')
    .replace(devices, '_$1')
    .replace(/[. ]+$/, '_');
  return cut(plain || '_', most);
}

/** The beginning that fits into so many bytes of UTF-8, whole characters only. */
function cut(name: string, most: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > most) return name.slice(0, end);
    end += character.length;
  }
  return name;
}
