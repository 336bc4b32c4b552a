import { ConfigError } from '../errors.ts';

/** The words of a Python text, as far as literals and calls need them. */
export interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'mark' | 'newline' | 'end';
  /** The text; of a string, what it means. */
  readonly text: string;
  readonly line: number;
}

const space = /[ \t\f\r]+|#[^\n]*|\\\r?\n/y;
const name = /[\p{L}_][\p{L}\p{N}_]*/uy;
const number =
  /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d[\d_]*)?)[jJ\w]*/y;
const stringStart = /([a-zA-Z]{0,2})('''|"""|'|")/y;

/** Splits a text into tokens; line ends inside brackets are none. */
export function tokensOf(text: string, file: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let depth = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    const blank = match(space);
    if (blank) {
      at += blank[0].length;
      if (blank[0].startsWith('\\')) line++;
      continue;
    }
    const character = text[at]!;
    if (character === '\n') {
      if (depth === 0) tokens.push({ kind: 'newline', text: '\n', line });
      line++;
      at++;
      continue;
    }
    const quote = match(stringStart);
    if (quote) {
      const string = readString(text, at + quote[0].length, quote[2]!, quote[1]!.toLowerCase(), line, file);
      tokens.push({ kind: 'string', text: string.value, line });
      line += countLines(text, at, string.end);
      at = string.end;
      continue;
    }
    const word = match(number) ?? match(name);
    if (word) {
      tokens.push({ kind: /[\d.]/.test(character) ? 'number' : 'name', text: word[0], line });
      at += word[0].length;
      continue;
    }
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    tokens.push({ kind: 'mark', text: character, line });
    at++;
  }
  tokens.push({ kind: 'end', text: 'the end', line });
  return tokens;
}

function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to; i++) if (text[i] === '\n') lines++;
  return lines;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
  ['\n', ''],
]);
const codeEscape = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})/y;

function readString(text: string, start: number, quote: string, prefix: string, line: number, file: string) {
  const problem = (what: string) => new ConfigError(`${file} line ${line}: ${what}. Only plain literals are read.`);
  if (prefix !== '' && prefix !== 'r' && prefix !== 'u') throw problem(`a string with the prefix "${prefix}"`);
  let value = '';
  for (let at = start; at < text.length; ) {
    if (text.startsWith(quote, at)) return { value, end: at + quote.length };
    const character = text[at]!;
    if (character === '\n' && quote.length === 1) break;
    if (character !== '\\') {
      value += character;
      at++;
      continue;
    }
    if (prefix === 'r') {
      value += text.slice(at, at + 2);
      at += 2;
      continue;
    }
    const simple = escapes.get(text[at + 1] ?? '');
    codeEscape.lastIndex = at + 1;
    const code = simple === undefined ? codeEscape.exec(text) : null;
    if (code) {
      const point =
        code[4] === undefined ? Number.parseInt(code[1] ?? code[2] ?? code[3]!, 16) : Number.parseInt(code[4], 8);
      if (point > 0x10ffff) throw problem('a character beyond Unicode');
      value += String.fromCodePoint(point);
      at += 1 + code[0].length;
    } else if (text[at + 1] === 'N') throw problem('a character by its name');
    else {
      // an escape that Python does not know stays as it is written
      value += simple ?? text.slice(at, at + 2);
      at += 2;
    }
  }
  throw problem('a string without end');
}
