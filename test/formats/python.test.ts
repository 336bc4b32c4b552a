import { expect } from 'chai';
import { ConfigError } from '../../src/errors.ts';
import { readConfigText } from '../../src/formats/python.ts';

const model = "model = dict(type='M', backbone=dict())\n";

describe('configurations as text', () => {
  it('refuses a text of very many words', () => {
    const text = `a = [${'1,'.repeat(600_000)}]`;
    expect(() => readConfigText(text)).to.throw(ConfigError, /more than 500000 words, numbers and marks/);
  });

  it('reads dict({...}), as mmcv writes keys that are not names', () => {
    const read = readConfigText(
      `${model}info = dict({0: dict(name='nose'), 'a b': 1})\nmore = dict({1: 2}, three=3,)\n`,
    );
    expect(read).to.deep.include({ info: { 0: { name: 'nose' }, 'a b': 1 }, more: { 1: 2, three: 3 } });
    expect(() => readConfigText('a = dict({1: 2}, 3)')).to.throw(/arguments other than name=value/);
    expect(() => readConfigText("a = dict({'b': 2}, b=3)")).to.throw(/the key "b" twice/);
    expect(() => readConfigText('a = dict({1: 2} 3)')).to.throw();
  });

  it('reads literals of every kind, and dict(...) calls', () => {
    const text = `# a comment
model = dict(
    type='M', backbone=dict(), depth=-3, rate=1e-05, big=1_000, hex=0x1F, half=.5, on=True, off=False, none=None,
    tuple=(1, ), empty=(), nested=[(1, 2), [3]], same=(4))
`;
    expect(readConfigText(text)).to.deep.equal({
      model: {
        type: 'M',
        backbone: {},
        depth: -3,
        rate: 1e-5,
        big: 1000,
        hex: 31,
        half: 0.5,
        on: true,
        off: false,
        none: null,
        tuple: [1],
        empty: [],
        nested: [[1, 2], [3]],
        same: 4,
      },
    });
  });

  it('reads strings as Python does', () => {
    const text = `${model}a = 'it\\'s' "\\x41\\u00e4\\n"\nb = r'\\d'\nc = """two\nlines"""\nd = '# = (,'\n`;
    const { a, b, c, d } = readConfigText(text)!;
    expect([a, b, c, d]).to.deep.equal(["it'sAä\n", '\\d', 'two\nlines', '# = (,']);
  });

  it('reads a Python literal and JSON alike', () => {
    const expected = { model: { type: 'M', backbone: {}, sizes: [1, 2] }, names: { 0: 'a' } };
    const literal = "{'model': {'type': 'M', 'backbone': {}, 'sizes': (1, 2)}, 'names': {0: 'a'}}";
    expect(readConfigText(literal)).to.deep.equal(expected);
    expect(readConfigText(JSON.stringify(expected))).to.deep.equal(expected);
    expect(readConfigText('{"type": "M", "backbone": {}}')).to.deep.equal({ type: 'M', backbone: {} });
    expect(readConfigText("dict(type='M', backbone=dict())")).to.deep.equal({ type: 'M', backbone: {} });
  });

  it('ignores an incomplete configuration', () => {
    for (const text of [
      '',
      '  \n',
      'work_dir = None\n',
      "model = dict(type='M')\n",
      'model = dict(backbone=dict())\n',
      'model = None\n',
      '{}',
    ]) {
      expect(readConfigText(text), text).to.equal(undefined);
    }
  });

  const refused: readonly (readonly [string, RegExp])[] = [
    ['import os', /line 2: the statement "import"/],
    ['a = open("x")', /line 2: a call of "open"/],
    ['a = dict(__import__("os"))', /line 2: a dict\(\.\.\.\) with arguments other than name=value/],
    ['a = model', /line 2: the variable "model"/],
    ['a = 1 + 2', /line 2: "\+" behind the value of "a"/],
    ['a = [x for x in (1, 2)]', /line 2: the variable "x"/],
    ['a = [1 for x in (1, 2)]', /line 2: a comprehension/],
    ['a = {1, 2}', /line 2: a set/],
    ['a = dict(**model)', /line 2: the unpacking operator/],
    ['a = f"{model}"', /line 2: a string with the prefix "f"/],
    ['a = lambda: 1', /line 2: the expression "lambda"/],
    ['a.b = 1', /line 2: "\." behind the name "a"/],
    ['a = b = 1', /line 2: the variable "b"/],
    ['a = 1j', /line 2: the number 1j/],
    ['a = 12345678901234567890', /line 2: the integer 12345678901234567890, which is beyond 2\^53/],
    ['a = -"x"', /line 2: the operator "-" before a string/],
    ['a = "x', /line 2: a string without an end/],
    ['a = [1, 2', /line 3: the end of the text where/],
    ['a = dict(b=1, b=2)', /line 2: the key "b" twice/],
    ['a = dict(__proto__=1)', /line 2: the key "__proto__"/],
    ["a = {'__proto__': 1}", /line 2: the key "__proto__"/],
    [`a = ${'['.repeat(200)}${']'.repeat(200)}`, /line 2: values nested deeper than 100/],
    ['if True: a = 1', /line 2: the statement "if"/],
  ];
  for (const [line, message] of refused) {
    it(`refuses ${line.slice(0, 40)}`, () => {
      expect(() => readConfigText(`${model}${line}\n`, 'w.pth meta.config')).to.throw(ConfigError, message);
    });
  }

  it('names the position, and describes a configuration', () => {
    expect(() => readConfigText('model = f()', 'w.pth meta.config')).to.throw(
      ConfigError,
      /^w\.pth meta\.config line 1: a call of "f".*assignments of literals and dict\(\.\.\.\) calls/,
    );
  });

  it('refuses the prototype’s key in JSON, too', () => {
    expect(() => readConfigText('{"model": {"type": "M", "__proto__": {"polluted": 1}}}')).to.throw(
      ConfigError,
      '__proto__',
    );
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });
});
