import { expect } from 'chai';
import * as library from 'moganet';
import * as formats from 'moganet/formats';
import * as render from 'moganet/render';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallFile } from '../harness/small_model.ts';

/** Functions as callers in JavaScript see them. */
type Untyped = Readonly<Record<string, (...values: readonly unknown[]) => unknown>>;

const call = library as unknown as Untyped;
const definition = library.createModel(smallBoth);

/** Calls with wrong arguments, and facts of the message. */
const cases: readonly (readonly [name: string, values: readonly unknown[], ...facts: string[]])[] = [
  ['convertCheckpoints', ['x'], 'must be a list of { source }, got "x"'],
  ['convertCheckpoints', [], 'must be a list of { source }, got nothing'],
  ['convertCheckpoints', [['x.pth']], '0: must be { source }, with an opened file, got "x.pth"'],
  ['convertCheckpoints', [[{ source: 'x.pth' }]], '0.source: must be an opened file, as openFileSource(path)'],
  ['convertCheckpoints', [[], { prefx: 'a.' }], 'unknown option "prefx"', 'Did you mean "prefix"?'],
  ['pullModel', [], 'the name of a model is a string, got nothing'],
  ['pullModel', ['moganet_t', 5], 'options of pullModel: must be an object, got 5'],
  ['pullModel', ['moganet_t', { form: 'x' }], 'unknown option "form"', 'Did you mean "from"?'],
  ['findEntry', [], 'the name of a model is a string, got nothing'],
  ['findEntry', [5], 'the name of a model is a string, got 5'],
  ['initialWeights', [5], 'initialWeights takes a model as createModel(config) returns it, got 5'],
  ['initialWeights', [definition, 'x'], 'a seed is a whole number, got "x"'],
  ['readConfig', ['x.pth', null], 'options of readConfig: must be an object, got null'],
  ['readConfig', [{ weights: 'x.pth' }], 'readConfig takes a file of weights', 'got {"weights":"x.pth"}'],
  ['configFromText', [5], 'configuration: configFromText takes JSON as text or bytes, got 5'],
  ['configFromText', ['{'], 'configuration: invalid JSON, line 1, column 2'],
  ['configFromText', [], 'takes JSON as text or bytes, got nothing'],
  ['termsOf', [5], 'termsOf takes an entry, as findEntry(name) returns it, got 5'],
  ['termsOf', ['moganet_t'], 'got "moganet_t"'],
  ['cachedWeights', ['facad'], 'cachedWeights takes an entry, as findEntry(name) returns it, got "facad"'],
  [
    'loadModel',
    [{ config: smallBoth, weights: {} }],
    'weights: must be a file, a URL or bytes, or these by module, got {}',
  ],
  ['loadModel', ['facade', { heads: { a: 5 } }], 'heads: must be a table of functions', 'got {"a":5}'],
  ['loadModel', ['facade', { backbones: { moganet: 5 } }], 'backbones: must be a table of functions'],
  ['loadModel', ['facade', { detectors: { mine: {} } }], 'detectors: must be a table of detectors ({ config, make })'],
  [
    'loadModel',
    ['facade', { segmentationHeads: { mine: 5 } }],
    'must be a table of segmentation heads ({ config, make })',
  ],
  ['loadModel', ['facade', { prefix: '' }], 'prefix: must have at least 1 character'],
  ['loadModel', ['facade', { ignore: 'a' }], 'ignore: must be a list of keys, got "a"'],
  ['openFileSource', [], 'openFileSource takes a path or URL, got nothing'],
  ['exportOnnx', ['facade'], 'exportOnnx takes a model as createModel(config) returns it, got "facade"'],
  ['exportOnnx', [], 'got nothing'],
  ['exportOnnx', [definition], 'exportOnnx takes weights as a Map', 'got nothing'],
  ['exportOnnx', [definition, new Map(), 5], 'options of exportOnnx: must be an object, got 5'],
  ['exportSample', ['facade'], 'exportSample takes a model'],
  ['verify', [5], 'options of verify: must be an object, got 5'],
  ['verify', [{ engines: 'wasm' }], 'engines: must be a list of names of engines, got "wasm"'],
  ['verify', [{ exclude: ['cpu'] }], 'exclude: must give the reason of each engine by its name'],
  ['verify', [{ samples: {} }], 'samples.numbers: must be a URL or the bytes of a file'],
  ['probeEngines', [5], 'options of probeEngines: must be an object, got 5'],
  ['probeEngines', [{ engine: 'wasm' }], 'unknown option "engine"'],
  ['probeEngines', [{ engines: ['wasn'] }], 'unknown engine "wasn"'],
  ['probeEngines', [{ engines: 'wasm' }], 'engines: must be a list of names of engines, got "wasm"'],
  ['probeEngines', [{ onProbe: 5 }], 'onProbe: must be a function, got 5'],
  ['probeEngines', [{ signal: 5 }], 'signal: must be an AbortSignal, got 5'],
  ['modelSummary', ['facade'], 'a configuration is an object, got "facade"', 'findEntry(name).config'],
  ['modelSummary', [smallBoth, null], 'options of modelSummary: must be an object, got null'],
  ['modelSummary', [smallBoth, { size: 5 }], 'size: must be { height, width } in whole pixels, got 5'],
  ['modelParameters', [], 'modelParameters takes a model as createModel(config) returns it, got nothing'],
  ['fromMm', [{}, null], 'options of fromMm: must be an object, got null'],
  ['fromMm', [{}, { scales: [512, 512] }], 'unknown option "scales"', 'Did you mean "scale"?'],
  ['cacheFolder', [null], 'cacheFolder takes environment variables by name, got null'],
  ['withDetector', [], 'withDetector takes a pose model first', 'got nothing'],
  ['withDetector', [{}, null], 'withDetector takes a pose model first', 'got {}'],
  ['poseDatasetOf', [null], 'coco_keypoints'],
  ['createModel', ['facade'], 'a configuration is an object, got "facade"'],
];

describe('a wrong argument', () => {
  for (const [name, values, ...facts] of cases) {
    it(`is refused as a ConfigError: ${name}(${values.map((value) => short(value)).join(', ')})`, async () => {
      const error = await rejection((async () => call[name]?.(...values))());
      expect(error).to.be.instanceOf(library.ConfigError);
      for (const fact of facts) expect(error.message).to.contain(fact);
    });
  }

  it('of any exported function never ends in a bare error', async () => {
    const wrong = [[], [null], [5], ['x'], [{}], [[]], [{}, null], ['x', 5]];
    const skipped = ['verify', 'probeEngines']; // which may be called with nothing, and then run every engine
    const functions = Object.entries(library as unknown as Readonly<Record<string, unknown>>).filter(
      ([name, value]) => typeof value === 'function' && /^[a-z]/.test(name) && !skipped.includes(name),
    );
    expect(functions.length).to.be.above(20);
    const bare: string[] = [];
    for (const [name] of functions) {
      for (const values of wrong) {
        try {
          await call[name]?.(...values);
        } catch (error) {
          if (!(error instanceof library.MoganetError)) bare.push(`${name}(${short(values)}): ${error}`);
        }
      }
    }
    expect(bare).to.deep.equal([]);
  });

  const { openCheckpoint, openSafetensors, readShardIndex, bytesSource, blobSource } = formats;
  const { drawDetections, drawSegmentation, drawClassification, drawLegend } = render;
  for (const [room, functions] of Object.entries({
    formats: { openCheckpoint, openSafetensors, readShardIndex, bytesSource, blobSource },
    render: { drawDetections, drawSegmentation, drawClassification, drawLegend },
  })) {
    it(`of ${room} is not a source, a file or an image: ${Object.keys(functions).join(', ')}`, async () => {
      for (const [name, one] of Object.entries(functions)) {
        const wrongCall = one as (...values: unknown[]) => unknown;
        for (const value of [undefined, null, 5, 'x', {}, []]) {
          try {
            await wrongCall(value, {});
            expect.fail(`${name}(${short(value)}) is taken`);
          } catch (error) {
            expect(error, `${name}(${short(value)}): ${error}`).to.be.instanceOf(library.MoganetError);
          }
        }
      }
    });
  }

  it('is no file of the package', () => {
    for (const name of ['facade', '', undefined, '../package.json']) {
      expect(() => call.shippedWeights?.(name), `${name}`).to.throw(
        library.UnsupportedError,
        'Known: facade.safetensors',
      );
    }
  });

  it('is not a right one', async () => {
    const weights = await smallFile(smallBoth);
    expect((await library.readConfig(weights, { signal: new AbortController().signal })).name).to.equal('small_both');
    expect(library.configFromText(JSON.stringify(smallBoth)).name).to.equal('small_both');
    expect(library.termsOf(library.findEntry('moganet_t'))?.weights).to.be.a('string');
  });
});

function short(value: unknown): string {
  if (value === definition) return 'definition';
  return value === smallBoth ? 'config' : (JSON.stringify(value)?.slice(0, 40) ?? `${value}`);
}
