import { expect } from 'chai';
import * as z from 'zod';
import { segmentationHeads } from '../heads/index.ts';
import { ConfigError } from '../src/errors.ts';
import { modelSchema } from '../src/models/config.ts';
import { detectors } from '../src/models/create.ts';
import { foundIn, validate } from '../src/validate.ts';

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
    fault({ backbone, segmentatoin: {} }, 'my.json: unknown key "segmentatoin". Known: name, backbone,');
    fault({ backbone, segmentatoin: {} }, 'Did you mean "segmentation"?');
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
      /^my\.json: segmentation\.dataset: .*"ade20"\. Known: coco, .* Did you mean "ade20k"\?/,
    );
  });

  it('lists the keys of the chosen type', () => {
    fault(
      { backbone, segmentation: { ...segmentation, head: { ...head, aligncorner: true } } },
      'my.json: segmentation.head: unknown key "aligncorner". Known: type, channels, poolScales, alignCorners. ' +
        'Did you mean "alignCorners"?',
    );
    fault(
      { backbone: { ...backbone, dilation: [1, 2, 3] } },
      /my\.json: backbone: unknown key "dilation"\..* Did you mean "dilations"\?/,
    );
  });

  it('suggests nothing if no name is near', () => {
    fault({ backbone, colour: 'red' }, /unknown key "colour"\. Known: [^?]+\.$/);
  });

  it('is refused with the path and the value of a field of the wrong kind', () => {
    fault(
      { backbone, segmentation: { ...segmentation, head: { ...head, channels: '8' } } },
      'my.json: segmentation.head.channels: Invalid input: expected number, received string, got "8".',
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
      /^my\.json: segmentation\.head\.type: unknown type "upper_head"\. Known: uper_head, .*Did you mean "uper_head"\?$/,
    );
  });

  it('names every form that a value may have', () => {
    fault(
      { backbone: { type: 'moganet', arch: 'tn' } },
      'my.json: backbone.arch: Invalid input: expected one of "xt"|"t"|"s"|"b"|"l"|"xl", or expected object, received ' +
        'string, got "tn".',
    );
  });

  it('reports the faults inside the form that a value nearly has', () => {
    fault(
      { backbone: { type: 'moganet', arch: { dims: [8], depths: [1], ratio: [4] } } },
      /my\.json: backbone\.arch\.ratios: .*got nothing\.\nbackbone\.arch: unknown key "ratio"\. Known: dims, depths, ratios\. Did you mean "ratios"\?/,
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
      'x: list.1: unknown key "widht". Known: width. Did you mean "width"?',
    );
  });

  it('need not be an object', () => {
    fault(null, 'my.json: Invalid input: expected object, received null, got null.');
    fault('moganet', 'got "moganet".');
  });
});

describe('the found value in a message', () => {
  it('is a plain value as it is written, or the class of an object', () => {
    const found = [undefined, null, NaN, 8n, 'a', [1], { a: 1 }, new Map(), () => 1].map(foundIn);
    const wanted = ['nothing', 'null', 'NaN', '8', '"a"', '[1]', '{"a":1}', 'an object of class Map', 'a function'];
    expect(found).to.deep.equal(wanted);
    expect(foundIn('x'.repeat(1000))).to.have.length(82);
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
