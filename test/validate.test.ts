import { expect } from 'chai';
import * as z from 'zod';
import { segmentationHeads } from '../heads/index.ts';
import { ConfigError } from '../src/errors.ts';
import { modelSchema } from '../src/models/config.ts';
import { detectors } from '../src/models/create.ts';
import { foundIn, validate, validateOptions } from '../src/validate.ts';

const modelConfig = modelSchema({ detectors, segmentationHeads });
const backbone = { type: 'moganet', arch: 'xt' };
const head = { type: 'uper_head', channels: 8 };
const segmentation = { classes: ['sky', 'wall'], head, input: {} };

const parse = (config: unknown) => validate(modelConfig, config, 'my.json');
const fault = (config: unknown, text: string | RegExp) => expect(() => parse(config)).to.throw(ConfigError, text);

describe('a configuration from outside', () => {
  it('comes back with every default filled', () => {
    const { image, segmentation: filled } = parse({ backbone, segmentation });
    expect(image).to.deep.equal({ mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375], channelOrder: 'rgb' });
    expect(filled).to.deep.equal({
      classes: ['sky', 'wall'],
      head: { type: 'uper_head', channels: 8, poolScales: [1, 2, 3, 6], alignCorners: false },
      input: { scale: [2048, 512], divisor: 32 },
    });
  });

  it('is refused with the nearest name for an unknown key', () => {
    fault({ backbone, segmentatoin: {} }, 'my.json: unknown key "segmentatoin". Did you mean "segmentation"?');
    fault({ backbone, segmentatoin: {} }, 'Known: name, backbone,');
  });

  it('gives its classes exactly once: by the name of a data set, or as a list', () => {
    const { classes, ...unlabelled } = segmentation;
    expect(parse({ backbone, segmentation: { ...unlabelled, dataset: 'ade20k' } }).segmentation).to.include({
      dataset: 'ade20k',
    });
    const choice = /^my\.json: segmentation\.dataset: .*"dataset" \(coco, ade20k, .*"classes"/;
    fault({ backbone, segmentation: unlabelled }, choice);
    fault({ backbone, segmentation: { ...unlabelled, classes, dataset: 'ade20k' } }, /not both/);
    fault({ backbone, classification: {} }, /^my\.json: classification\.dataset: .*"dataset"/);
    fault(
      { backbone, segmentation: { ...unlabelled, dataset: 'ade20' } },
      /^my\.json: segmentation\.dataset: .*"ade20"\. Did you mean "ade20k"\? Known: coco, /,
    );
  });

  it('lists the keys of the chosen type', () => {
    fault(
      { backbone, segmentation: { ...segmentation, head: { ...head, aligncorner: true } } },
      'my.json: segmentation.head: unknown key "aligncorner". Did you mean "alignCorners"? ' +
        'Known: type, channels, poolScales, alignCorners, normEps.',
    );
    fault(
      { backbone: { ...backbone, dilation: [1, 2, 3] } },
      /my\.json: backbone: unknown key "dilation"\. Did you mean "dilations"\?/,
    );
  });

  it('suggests nothing if no name is near', () => {
    fault({ backbone, colour: 'red' }, /unknown key "colour"\. Known: [^?]+\.$/);
  });

  it('is refused with the path and the value of a field of the wrong kind', () => {
    fault(
      { backbone, segmentation: { ...segmentation, head: { ...head, channels: '8' } } },
      'my.json: segmentation.head.channels: must be a number, got "8".',
    );
    fault({ backbone, segmentation: { ...segmentation, classes: [] } }, 'my.json: segmentation.classes: ');
  });

  it('names a missing field', () => {
    fault({ backbone, segmentation: { ...segmentation, head: { type: 'uper_head' } } }, 'segmentation.head.channels: ');
    fault({ backbone, segmentation: { ...segmentation, head: { type: 'uper_head' } } }, 'got nothing.');
  });

  it('names the known types', () => {
    fault(
      { backbone, segmentation: { ...segmentation, head: { ...head, type: 'upper_head' } } },
      /^my\.json: segmentation\.head\.type: unknown type "upper_head"\. Did you mean "uper_head"\? Known: uper_head, /,
    );
  });

  it('names every form that a value may have', () => {
    fault(
      { backbone: { type: 'moganet', arch: 'tn' } },
      /^my\.json: backbone\.arch: unknown value "tn"\. Did you mean "t"\? Known: xt, t, .* can also be an object\.$/,
    );
  });

  it('reports the faults inside the form that a value nearly has', () => {
    fault(
      { backbone: { type: 'moganet', arch: { dims: [8], depths: [1], ratio: [4] } } },
      /my\.json: backbone\.arch\.ratios: .*got nothing\.\nbackbone\.arch: unknown key "ratio"\. Did you mean "ratios"\? Known: dims, depths, ratios\./,
    );
  });

  it('reports all faults together, one per line', () => {
    const lines = errorOf({
      backbone,
      segmentation: { ...segmentation, classes: 3, head: { ...head, chanels: 1 } },
    }).split('\n');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^my\.json: segmentation\.classes: /);
    expect(lines[1]).to.match(/^segmentation\.head: unknown key "chanels"\./);
  });

  it('finds keys within lists and optional fields', () => {
    const schema = z.strictObject({ list: z.array(z.strictObject({ width: z.number() })).optional() });
    expect(() => validate(schema, { list: [{ width: 1 }, { widht: 2, width: 1 }] }, 'x')).to.throw(
      ConfigError,
      'x: list.1: unknown key "widht". Did you mean "width"? Known: width.',
    );
  });

  it('need not be an object', () => {
    fault(null, 'my.json: must be an object, got null.');
    fault('moganet', 'got "moganet".');
  });
});

describe('a fault in a message', () => {
  const cases: readonly [what: string, schema: z.ZodType, value: unknown, fault: string][] = [
    ['a missing value', z.strictObject({}), undefined, 'must be an object, got nothing.'],
    ['a value of another type', z.boolean(), 1, 'must be true or false, got 1.'],
    ['a fraction', z.int(), 1.5, 'must be a whole number, got 1.5.'],
    ['text instead of a number', z.number(), 'many', 'must be a number, got "many".'],
    ['a record that is a list', z.record(z.string(), z.number()), [1], 'must be an object, got [1].'],
    ['a value that must be absent', z.never(), 1, 'must be left out, got 1.'],
    ['a number below the least', z.number().min(0), -1, 'must be at least 0, got -1.'],
    ['a number at an open bound', z.number().positive(), 0, 'must be more than 0, got 0.'],
    ['a number above the most', z.number().max(1), 2, 'must be at most 1, got 2.'],
    ['a number at an open upper bound', z.number().lt(1), 1, 'must be less than 1, got 1.'],
    ['a number between multiples', z.number().multipleOf(32), 33, 'must be a multiple of 32, got 33.'],
    ['an empty list', z.array(z.string()).min(1), [], 'must have at least 1 entry, got [].'],
    ['a long list', z.array(z.int()).max(2), [1, 2, 3], 'must have at most 2 entries, got [1,2,3].'],
    ['a list of another length', z.array(z.int()).length(2), [1], 'must have exactly 2 entries, got [1].'],
    ['a short tuple', z.tuple([z.int(), z.int()]), [1], 'must have at least 2 entries, got [1].'],
    ['an empty string', z.string().min(1), '', 'must have at least 1 character, got "".'],
    ['a string of another form', z.string().regex(/^a/), 'b', 'must match /^a/, got "b".'],
    ['a string that is no URL', z.url(), 'b', 'must be a valid url, got "b".'],
    ['another constant', z.literal(2), 3, 'must be 2, got 3.'],
    ['none of the names', z.enum(['left', 'right']), 1, 'must be one of "left", "right", got 1.'],
    [
      'a misspelt name',
      z.enum(['left', 'right']),
      'lfet',
      'unknown value "lfet". Did you mean "left"? Known: left, right.',
    ],
    ['none of the forms', z.union([z.string(), z.int()]), true, 'must be a string, or a number, got true.'],
    ['a fault in one form', z.union([z.string(), z.int().min(0)]), -1, 'must be at least 0, got -1.'],
    [
      'a misspelt name beside another form',
      z.union([z.enum(['left', 'right']), z.array(z.string())]),
      'lfet',
      'unknown value "lfet". Did you mean "left"? Known: left, right. It can also be a list.',
    ],
    [
      'a missing type',
      z.discriminatedUnion('type', [z.object({ type: z.literal('a') }), z.object({ type: z.literal('b') })]),
      {},
      'type: must be one of a, b, got nothing.',
    ],
    ['a key of another form', z.record(z.int(), z.int()), { a: 1 }, 'a: must have keys that fit: '],
    ['a wrong entry of a map', z.map(z.string(), z.int()), new Map([['a', 'b']]), 'a: must be a number, got "b".'],
    ['a refused value', z.custom(() => false), 1, 'must be valid, got 1.'],
    ['a value refused in the words of its schema', z.custom(() => false, 'must be blue'), 1, 'must be blue, got 1.'],
  ];
  for (const [what, schema, value, text] of cases) {
    it(`is in plain English for ${what}`, () => {
      expect(() => validate(schema, value, 'x'))
        .to.throw(ConfigError, `x: ${text}`)
        .with.property('message')
        .not.match(/Invalid|expected|received|Too /);
    });
  }

  it('is an unknown option if the value has the options of a function, and a key below them', () => {
    const options = z.strictObject({ size: z.strictObject({ width: z.int() }).optional() });
    const check = (value: unknown) => () => validateOptions(options, value, 'predict');
    expect(check({ sise: 1 })).to.throw(ConfigError, 'options of predict: unknown option "sise". Did you mean "size"?');
    expect(check({ size: { width: 1, height: 1 } })).to.throw(ConfigError, 'size: unknown key "height".');
  });
});

describe('the found value in a message', () => {
  it('is a plain value as it is written, or the class of an object', () => {
    const found = [undefined, null, NaN, 8n, 'a', [1], { a: 1 }, new Map(), () => 1].map(foundIn);
    const wanted = ['nothing', 'null', 'NaN', '8', '"a"', '[1]', '{"a":1}', 'an object of class Map', 'a function'];
    expect(found).to.deep.equal(wanted);
    expect(foundIn('x'.repeat(1000))).to.have.length(82);
    expect(foundIn({ pixels: 8n })).to.equal('an object that is not JSON');
  });
});

function errorOf(config: unknown): string {
  try {
    parse(config);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('nothing was refused');
}
