import { expect } from 'chai';
import { ConfigError, configFromText, createModel, entries, modelParameters, ShapeError } from 'moganet';
import { itemAt } from '../../src/arrays.ts';

const good = '{"backbone": {"type": "moganet", "arch": "xt"}}';
const configTextWith = (fields: object): string => JSON.stringify({ ...JSON.parse(good), ...fields });
const refused = (text: string | Uint8Array, message: string | RegExp) =>
  expect(() => configFromText(text, 'my.json')).to.throw(ConfigError, message);

describe('a configuration from text', () => {
  it('is read as it was written, from text or bytes, with a byte order mark or without', () => {
    const expected = { backbone: { type: 'moganet', arch: 'xt' } };
    const texts = [good, `\ufeff${good}`, new TextEncoder().encode(good), new TextEncoder().encode(`\ufeff${good}`)];
    for (const text of texts)
      expect(JSON.stringify(configFromText(text, 'my.json'))).to.equal(JSON.stringify(expected));
  });

  it('is read from UTF-16 of either order with a byte order mark', () => {
    const little = Buffer.from(`\ufeff${good}`, 'utf16le');
    for (const bytes of [little, Buffer.from(little).swap16()])
      expect(configFromText(bytes, 'my.json')).to.deep.include({ backbone: { type: 'moganet', arch: 'xt' } });
  });

  it('is read from the configuration of every published model', () => {
    for (const { config } of entries) {
      const { config: resolved } = createModel(config);
      expect(createModel(configFromText(JSON.stringify(resolved), 'my.json')).config).to.deep.equal(resolved);
    }
  });

  it('is refused with the file, line and column if it is invalid JSON', () => {
    refused('{\n  "backbone": {},\n}', 'my.json: invalid JSON, line 3, column 1: expected a name in double quotes');
    refused('', 'my.json: invalid JSON, line 1, column 1: expected a value, found the end.');
    refused('{"name": "a", "name": "b"}', 'the name "name" is given twice');
    refused('[NaN]', 'line 1, column 2');
    refused(Uint8Array.of(0x7b, 0xe9, 0x7d), /^my\.json: invalid JSON: .*UTF-8/);
    refused('{"a":'.repeat(20000), 'nested deeper than 32');
    refused(' '.repeat(5 * 2 ** 20), /^my\.json: .*got 5242880/);
  });

  it('is refused with the file and the field if it does not describe a model', () => {
    refused('null', 'my.json: backbone.type is missing. Known: moganet');
    refused('{"backbone": {"type": "mogant"}}', /my\.json: unknown backbone "mogant".*Did you mean "moganet"\?/);
    refused(good.replace('"arch"', '"arhc"'), 'my.json: backbone.arch: ');
    refused(good.replace('{"back', '{"__proto__": {"polluted": true}, "back'), 'my.json: unknown key "__proto__"');
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
    const long = configTextWith({ ['x'.repeat(100_000)]: 1 });
    refused(long, /^my\.json: unknown key "x{77}\.\.\."\. Known: .{1,300}$/);
  });

  it('is refused if its numbers order endless work', () => {
    refused(configTextWith({ image: { mean: [1e308, 0, 0] } }), /my\.json: image\.mean\.0: .*1048576/);
    const layers = JSON.parse(JSON.stringify(itemAt(entries, 0).config));
    layers.detection.box.convs = 1_000_000;
    const start = performance.now();
    // recording would not end; the message names the module where it stopped
    const model = createModel(configFromText(JSON.stringify(layers), 'my.json'));
    expect(() => modelParameters(model)).to.throw(ShapeError, /roi_head\.bbox_head\.shared_convs\.\d+.*100000/);
    expect(performance.now() - start).to.be.below(10_000);
  });
});
