import bidiModule, { type Bidi } from 'bidi-js';

/**
 * The order and the forms in which characters are drawn: text from right to left by Unicode's bidirectional algorithm
 * (bidi-js), Arabic letters joined. Other scripts that join or reorder letters (Devanagari, Khmer, …) are not shaped.
 */

/** Says whether a character can be drawn. */
type Has = (character: string) => boolean;

/** What is written from right to left, and the marks that turn the direction. */
const rightToLeft =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** Marks of direction and joining: they have no glyph of their own. */
const invisible = /[\u061c\u200c-\u200f\u202a-\u202e\u2066-\u2069]/u;

let bidi: Bidi | undefined;

/**
 * Returns the characters of a line from left to right. Text without characters from right to left stays as it is. The
 * direction of the line is that of its first letter.
 *
 * @param text in the order in which it is read, in NFC
 * @param has a joined form is taken if it can be drawn; otherwise the letter stands alone
 */
export function visualOrder(text: string, has: Has): readonly string[] {
  if (!rightToLeft.test(text)) return [...text];
  // the package is CommonJS in Node, where its types promise a namespace
  bidi ??= (bidiModule as unknown as typeof bidiModule.default)();
  const joined = joinedForms([...text], has);
  const line = joined.map(standIn).join('');
  const levels = bidi.getEmbeddingLevels(line, 'auto');
  const mirrored = bidi.getMirroredCharactersMap(line, levels.levels);
  const characters: string[] = [];
  let marks: string[] = [];
  for (const i of bidi.getReorderedIndices(line, levels)) {
    const character = mirrored.get(i) ?? joined[i] ?? '';
    if (invisible.test(character)) continue;
    // turning a line puts the marks of a letter before it
    const turned = (levels.levels[i] ?? 0) % 2 === 1;
    if (turned && /\p{M}/u.test(character)) marks.unshift(character);
    else {
      characters.push(character, ...marks);
      marks = [];
    }
  }
  return [...characters, ...marks];
}

/** One unit of the same direction for a character of two, which the package does not know. */
function standIn(character: string): string {
  if (character.length === 1) return character;
  if (rightToLeft.test(character)) return '\u05d0';
  return /\p{L}/u.test(character) ? 'a' : '\ufffc';
}

/** Keeps the direction of a text to itself, so that what follows it on the line stays behind it. */
export const isolated = (text: string): string => (rightToLeft.test(text) ? `\u2068${text}\u2069` : text);

/** How a letter stands in its word. */
export type Joining = 'alone' | 'last' | 'first' | 'middle';

/** The order of forms in Unicode's charts. */
const order: readonly Joining[] = ['alone', 'last', 'first', 'middle'];

type Forms = Readonly<Partial<Record<Joining, string>>>;

let forms: ReadonlyMap<string, Forms> | undefined;
let letters: ReadonlyMap<string, readonly [letter: string, joining: Joining]> | undefined;

/**
 * The forms of Arabic letters, and of lam with alef, which are one form. Unicode has a character for each form (the
 * presentation forms), which normalises to its letter, and lists them in a fixed order.
 */
function formsOf(letter: string): Forms | undefined {
  if (!forms) {
    const found = new Map<string, Partial<Record<Joining, string>>>();
    for (const [first, last] of [
      [0xfe80, 0xfefc],
      [0xfb50, 0xfbff],
    ] as const) {
      for (let code = first; code <= last; code++) {
        const form = String.fromCodePoint(code);
        const base = form.normalize('NFKC');
        if (base === form || (base.length > 1 && !/^\u0644[\u0622\u0623\u0625\u0627]$/.test(base))) continue;
        const known = found.get(base) ?? {};
        const joining = order[Object.keys(known).length];
        if (joining !== undefined) known[joining] = form;
        found.set(base, known);
      }
    }
    forms = found;
  }
  return forms.get(letter);
}

/** Returns the letter of a presentation form and how it stands; undefined for any other character. */
export function letterOf(form: string): readonly [letter: string, joining: Joining] | undefined {
  if (!letters) {
    formsOf('');
    letters = new Map(
      [...(forms ?? [])].flatMap(([letter, known]) =>
        order.flatMap((joining) => {
          const one = known[joining];
          return one === undefined ? [] : [[one, [letter, joining]] as const];
        }),
      ),
    );
  }
  return letters.get(form);
}

const joiners = /[\u0640\u200d]/u; // the stroke between letters, and the invisible one

function joinedForms(characters: readonly string[], has: Has): string[] {
  // marks stand on letters and do not part them
  const isLetter = (character: string) => !/\p{M}/u.test(character);
  const near = (i: number, step: 1 | -1): string => {
    let at = i + step;
    while (at >= 0 && at < characters.length && !isLetter(characters[at] ?? '')) at += step;
    return characters[at] ?? '';
  };
  const joinsNext = (letter: string) => joiners.test(letter) || formsOf(letter)?.first !== undefined;
  const joinsLast = (letter: string) => joiners.test(letter) || formsOf(letter)?.last !== undefined;
  const shaped: string[] = [];
  for (let i = 0; i < characters.length; i++) {
    const letter = characters[i] ?? '';
    const known = formsOf(letter);
    if (!known) {
      shaped.push(letter);
      continue;
    }
    const before = known.last !== undefined && joinsNext(near(i, -1));
    const pair = formsOf(letter + (characters[i + 1] ?? ''))?.[before ? 'last' : 'alone'];
    if (pair !== undefined && has(pair)) {
      shaped.push(pair);
      i++;
      continue;
    }
    const after = known.first !== undefined && joinsLast(near(i, 1));
    const form = known[before ? (after ? 'middle' : 'last') : after ? 'first' : 'alone'];
    shaped.push(form !== undefined && has(form) ? form : letter);
  }
  return shaped;
}
