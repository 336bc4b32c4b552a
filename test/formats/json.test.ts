import { expect } from 'chai';
import fc from 'fast-check';
import { JsonProblem, type JsonValue, parseStrictJson } from '../../src/formats/json.ts';

function plain(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, plain(item)]));
  return value;
}

describe('strict JSON', () => {
  it('reads the output of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.json({ noUnicodeString: false }), (text) => {
        // JSON.parse loses a key "__proto__" when copied, a Map does not: the texts are compared
        expect(JSON.stringify(plain(parseStrictJson(text, 100)))).to.equal(JSON.stringify(plainOf(JSON.parse(text))));
      }),
    );
  });

  it('refuses the same texts as JSON.parse, and infinite numbers', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b"',
      '1',
      '-0.5e3',
      '01',
      'true',
      'nul',
      ' ',
      '"\\x"',
      "'",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (parts) => {
        const text = parts.join('');
        let expected = true;
        try {
          JSON.parse(text, (_, value: unknown) => {
            if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('-0.5e3101 is one');
            return value;
          });
        } catch {
          expected = false;
        }
        let found = true;
        try {
          parseStrictJson(text, 100);
        } catch (error) {
          expect(error).to.be.instanceOf(JsonProblem);
          found = /is given twice/.test((error as Error).message);
        }
        expect(found).to.equal(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a name given twice, and nesting beyond the limit', () => {
    expect(() => parseStrictJson('{"a": 1, "a": 2}', 9)).to.throw(JsonProblem, 'the name "a" is given twice');
    expect(() => parseStrictJson('[[[1]]]', 2)).to.throw(JsonProblem, 'nested deeper than 2');
  });

  it('keeps names as data', () => {
    const value = parseStrictJson('{"__proto__": {"polluted": true}, "constructor": 1}', 9) as Map<string, JsonValue>;
    expect([...value.keys()]).to.deep.equal(['__proto__', 'constructor']);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });
});

function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plainOf(item)]));
}
