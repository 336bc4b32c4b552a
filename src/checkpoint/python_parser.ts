import { ConfigError } from '../errors.ts';
import type { PlainData } from './python_config.ts';
import { type Token, tokensOf } from './python_tokens.ts';

/** Reads Python literals and `dict(...)` calls as data. Every other construct is refused with its line and name. */
export class PythonParser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(
    text: string,
    private readonly file: string,
    private readonly nesting: number,
  ) {
    this.tokens = tokensOf(text, file);
  }

  /** Assignments `name = value`, or one literal dict. */
  module(): Readonly<Record<string, PlainData>> {
    this.skipLines();
    const { kind, text } = this.peek();
    if (this.is('{') || (kind === 'name' && text === 'dict')) {
      const value = this.value(0);
      this.skipLines();
      if (this.peek().kind !== 'end') throw this.problem(`${this.shown()} after the dict`);
      return value as Readonly<Record<string, PlainData>>;
    }
    const variables: Record<string, PlainData> = {};
    for (; this.peek().kind !== 'end'; this.skipLines()) {
      const target = this.next();
      if (target.kind !== 'name') throw this.problem(`a line that begins with ${shownToken(target)}`, target);
      if (statements.has(target.text)) throw this.problem(`the statement "${target.text}"`, target);
      if (!this.take('='))
        throw this.problem(`${this.shown()} behind the name "${target.text}", where "=" was expected`);
      if (this.is('=')) throw this.problem('a comparison');
      this.assign(variables, target.text, this.value(0), target, true);
      const { kind: after } = this.peek();
      if (after !== 'newline' && after !== 'end' && !this.take(';')) {
        throw this.problem(`${this.shown()} behind the value of "${target.text}"`);
      }
    }
    return variables;
  }

  private value(depth: number): PlainData {
    if (depth > this.nesting) throw this.problem(`values nested deeper than ${this.nesting}`);
    const token = this.next();
    if (token.kind === 'string') {
      let text = token.text;
      while (this.peek().kind === 'string') text += this.next().text; // neighbours are one string
      return text;
    }
    if (token.kind === 'number') return this.number(token);
    if (token.kind === 'name') return this.word(token, depth);
    if (token.text === '-' || token.text === '+') {
      const digits = this.next();
      if (digits.kind !== 'number')
        throw this.problem(`the operator "${token.text}" before ${shownToken(digits)}`, token);
      return token.text === '-' ? -this.number(digits) : this.number(digits);
    }
    if (token.text === '[') return this.items(']', depth);
    if (token.text === '(') return this.parenthesis(depth);
    if (token.text === '{') return this.braces(depth);
    throw this.problem(`${shownToken(token)} where a value was expected`, token);
  }

  private word(token: Token, depth: number): PlainData {
    const constant = constants.get(token.text);
    if (constant !== undefined) return constant;
    if (this.is('(') && token.text === 'dict') {
      this.next();
      return this.keywords(depth);
    }
    if (this.is('(')) throw this.problem(`a call of "${token.text}"`, token);
    throw this.problem(
      statements.has(token.text) ? `the expression "${token.text}"` : `the variable "${token.text}"`,
      token,
    );
  }

  private number(token: Token): number {
    const plain = token.text.replaceAll('_', '');
    const value = /^(?:0[xob][\da-f]+|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)$/i.test(plain)
      ? Number(plain)
      : Number.NaN;
    if (!Number.isFinite(value)) throw this.problem(`the number ${token.text.slice(0, 40)}`, token);
    if (/^(?:0[xob][\da-f]+|\d+)$/i.test(plain) && !Number.isSafeInteger(value)) {
      throw this.problem(`the integer ${token.text.slice(0, 40)}, which is beyond 2^53,`, token);
    }
    return value;
  }

  private items(close: string, depth: number): PlainData[] {
    const values: PlainData[] = [];
    while (!this.take(close)) {
      values.push(this.value(depth + 1));
      if (this.take(close)) break;
      this.expect(',', close);
    }
    return values;
  }

  /** A tuple, or a value in parentheses. */
  private parenthesis(depth: number): PlainData {
    if (this.take(')')) return [];
    const first = this.value(depth + 1);
    if (this.take(')')) return first;
    this.expect(',', ')');
    return [first, ...this.items(')', depth)];
  }

  private braces(depth: number): PlainData {
    const record: Record<string, PlainData> = {};
    while (!this.take('}')) {
      const token = this.peek();
      if (this.is('*')) throw this.problem('the unpacking operator');
      const key = this.value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number')
        throw this.problem('a dict key that is no string or number', token);
      if (!this.take(':')) throw this.problem(this.is(',') || this.is('}') ? 'a set' : this.shown());
      this.assign(record, String(key), this.value(depth + 1), token, false);
      if (this.take('}')) break;
      this.expect(',', '}');
    }
    return record;
  }

  private keywords(depth: number): PlainData {
    const record: Record<string, PlainData> = {};
    while (!this.take(')')) {
      const token = this.next();
      if (token.text === '*') throw this.problem('the unpacking operator', token);
      if (token.kind !== 'name' || !this.take('='))
        throw this.problem('a dict(...) with something else than name=value', token);
      this.assign(record, token.text, this.value(depth + 1), token, false);
      if (this.take(')')) break;
      this.expect(',', ')');
    }
    return record;
  }

  private assign(record: Record<string, PlainData>, key: string, value: PlainData, token: Token, again: boolean): void {
    if (key === '__proto__') throw this.problem('the key "__proto__"', token);
    if (!again && Object.hasOwn(record, key)) throw this.problem(`the key "${key}" twice`, token);
    record[key] = value;
  }

  private peek(): Token {
    return this.tokens[this.at]!;
  }
  private next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.at++;
    return token;
  }
  private is(mark: string): boolean {
    const { kind, text } = this.peek();
    return kind === 'mark' && text === mark;
  }
  private take(mark: string): boolean {
    if (!this.is(mark)) return false;
    this.at++;
    return true;
  }
  private expect(mark: string, close: string): void {
    if (this.peek().kind === 'name' && this.peek().text === 'for') throw this.problem('a comprehension');
    if (!this.take(mark)) throw this.problem(`${this.shown()} where "${mark}" or "${close}" was expected`);
  }
  private skipLines(): void {
    while (this.peek().kind === 'newline') this.at++;
  }
  private shown(): string {
    return shownToken(this.peek());
  }
  private problem(what: string, token = this.peek()): ConfigError {
    return new ConfigError(
      `${this.file} line ${token.line}: ${what} is not read. A configuration is assignments of literals and dict(...) calls.`,
    );
  }
}

function shownToken({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the text';
  if (kind === 'newline') return 'the end of the line';
  return kind === 'string' ? 'a string' : `"${text.slice(0, 40)}"`;
}

const constants: ReadonlyMap<string, PlainData> = new Map<string, PlainData>([
  ['None', null],
  ['True', true],
  ['False', false],
]);

const statements: ReadonlySet<string> = new Set(
  (
    'import from def class if else elif for while with try raise return del assert lambda global nonlocal pass exec print ' +
    'async await yield not and or is in'
  ).split(' '),
);
