import { expect } from 'chai';
import { type Backbone, ConfigError, createModel, type Head, loadModel, type Raster, ShapeError } from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { conv2d } from 'moganet/nn';
import { itemAt } from '../../src/arrays.ts';
import { smallDetection, smallFile } from '../harness/small_model.ts';

const image: Raster = { width: 16, height: 8, data: new Uint8ClampedArray(512).fill(200) };
const { backbone } = smallDetection;

/** A head that decodes a given value from any image. */
const decoding = (found: unknown, more: Partial<Head> = {}) => ({
  heads: {
    fixed: (): Head => ({
      forward: (scope, pyramid) => ({ score: conv2d(scope.at('score'), itemAt(pyramid, -1), 1, { kernel: 1 }) }),
      decode: () => found,
      ...more,
    }),
  },
});

async function loaded(tables: ReturnType<typeof decoding>, more: object = {}) {
  const config = { backbone, head: { type: 'fixed' }, input: { scale: [32, 32] as [number, number] }, ...more };
  const weights = { backbone: await smallFile(smallDetection), head: await headFile() };
  return loadModel({ config, weights }, { ...tables, engine: 'cpu' });
}

async function headFile(): Promise<Uint8Array> {
  const file = writeSafetensors(
    new Map([
      ['head.score.weight', { shape: [1, 16, 1, 1], data: new Float32Array(16) }],
      ['head.score.bias', { shape: [1], data: new Float32Array(1) }],
    ]),
  );
  return file.bytes();
}

const three = {
  boxes: Float32Array.of(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5),
  scores: Float32Array.of(0.25, 0.75, 0.5),
  labels: Int32Array.of(0, 1, 0),
  classes: ['door', 'window'],
};

describe('detections of a custom head', () => {
  it('are sorted, and cut by the caller’s options', async () => {
    const model = await loaded(decoding(three));
    const scores = async (options = {}) => [...(await model.predict(image, options)).scores];
    expect(await scores()).to.deep.equal([0.75, 0.5, 0.25]);
    expect(await scores({ score: 0.5 })).to.deep.equal([0.75, 0.5]);
    expect(await scores({ max: 1 })).to.deep.equal([0.75]);
    expect(await scores({ classes: ['door'] })).to.deep.equal([0.5, 0.25]);
    const error = await model.predict(image, { classes: ['dor'] }).catch((reason: unknown) => reason as Error);
    expect(error).to.be.instanceOf(ConfigError);
    expect((error as Error).message).to.equal('unknown class "dor". Did you mean "door"? Known: door, window.');
    expect([...(await model.predict(image, { max: 1 })).boxes]).to.deep.equal([2, 2, 3, 3]);
    await model.dispose();
  });

  it('are kept by a name that two classes have', async () => {
    const model = await loaded(
      decoding({ ...three, labels: Int32Array.of(0, 1, 2), classes: ['crane', 'door', 'crane'] }),
    );
    const { scores, labels, counts } = await model.predict(image, { classes: ['crane'] });
    expect([...scores]).to.deep.equal([0.5, 0.25]);
    expect([...labels]).to.deep.equal([2, 0]);
    expect(counts).to.deep.equal({ crane: 2 });
    expect([...(await model.predict(image, { classes: [2] })).labels]).to.deep.equal([2]);
    await model.dispose();
  });

  it('get their classes from the head if it has any', async () => {
    const { classes, ...nameless } = three;
    const model = await loaded(decoding(nameless, { classes: classes }));
    expect(model.classes).to.deep.equal({ custom: classes });
    expect((await model.predict(image)).at(0).name).to.equal('window');
    await model.dispose();
  });

  it('may depend on the caller’s options', async () => {
    let told: unknown;
    const decode: Head['decode'] = (_, __, options) => {
      told = options;
      return three;
    };
    const model = await loaded(decoding(three, { decode }));
    await model.predict(image, { iou: 0.3, score: 0.1, classes: [0] });
    expect(told).to.deep.equal({ score: 0.1, iou: 0.3, max: undefined });
    await model.predict(image, { max: 2 });
    expect(told).to.deep.equal({ score: undefined, iou: undefined, max: 2 });
    await model.dispose();
  });

  it('are chosen by class before `max` counts, also if the head counts itself', async () => {
    const decode: Head['decode'] = (_, __, { max = 3 }) => ({
      ...three,
      boxes: three.boxes.slice(0, 4 * max),
      scores: three.scores.slice(0, max),
      labels: three.labels.slice(0, max),
    });
    const model = await loaded(decoding(three, { decode }));
    const [door, window] = three.classes;
    for (const name of [door!, window!]) {
      const all = [...(await model.predict(image, { classes: [name] }))];
      const [best] = await model.predict(image, { classes: [name], max: 1 });
      expect(best).to.deep.equal(all[0]);
      expect(best?.name).to.equal(name);
    }
    await model.dispose();
  });

  it('need a factory that returns a head, with the size of images in its own place', () => {
    const made =
      (head: unknown, field: object = {}) =>
      () =>
        createModel({ backbone, head: { type: 'x', ...field } }, { heads: { x: () => head as Head } });
    const whole = { forward: () => ({}), decode: () => undefined };
    expect(made(undefined)).to.throw(
      ConfigError,
      'the head "x": its factory returns { forward, decode }, got nothing.',
    );
    expect(made({ forward: whole.forward })).to.throw(ConfigError, 'its factory returns { forward, decode }');
    expect(made({ ...whole, classes: 'door' })).to.throw(ConfigError, 'its classes are a list of names, got "door"');
    expect(made(whole, { input: { scale: [320, 320] } })).to.throw(ConfigError, 'the field "input" at the top');
    expect(made(whole, { input: 'the finest map' })).not.to.throw();
    const nothing = () =>
      createModel({ backbone: { type: 'y' } }, { backbones: { y: () => undefined as unknown as Backbone } });
    expect(nothing).to.throw(ConfigError, 'the backbone "y": its factory returns { stages, forward }, got nothing.');
  });

  it('are refused if they are not the arrays of a result', async () => {
    const { classes: _, ...nameless } = three;
    const cases: readonly [found: unknown, what: string][] = [
      [{ ...three, boxes: [0, 0, 1, 1] }, 'boxes as Array'],
      [{ boxes: three.boxes }, 'scores as undefined'],
      [{ ...three, labels: [0, 1, 0] }, 'labels as Array'],
      [nameless, 'classes as undefined'],
      [{ ...three, classes: [] }, '3 scores and no classes'],
      [{ ...three, labels: Int32Array.of(0, -1, 0) }, 'labels[1] as -1, which is no place in a list'],
      [{ ...three, scores: Float32Array.of(1) }, '12 numbers of boxes, 1 scores and 3 labels'],
      [{ ...three, scores: Float32Array.of(1, Number.NaN, 0) }, 'scores[1] as NaN, which is not a finite number'],
      [
        { ...three, boxes: three.boxes.map((x, i) => (i === 5 ? 1 / 0 : x)) },
        'boxes[5] as Infinity, which is not a finite number',
      ],
    ];
    for (const [found, what] of cases) {
      const model = await loaded(decoding(found));
      const error = await model.predict(image).catch((reason: unknown) => reason as Error);
      await model.dispose();
      expect(error).to.be.instanceOf(ShapeError);
      expect((error as Error).message).to.include(
        `the head decoded ${what}. Detections are { boxes: Float32Array of 4·n, `,
      );
    }
  });

  it('come from an image of the configured size', async () => {
    let seen: unknown;
    const decode: Head['decode'] = (_, { resized, padded }) => {
      seen = { resized, padded };
      return 'anything';
    };
    const model = await loaded(decoding(three, { decode }), { input: { scale: [48, 24], divisor: 16 } });
    expect((await model.predict(image)).custom).to.equal('anything');
    expect(seen).to.deep.equal({ resized: { height: 24, width: 48 }, padded: { height: 32, width: 48 } });
    await model.dispose();
    expect(() => createModel({ ...smallDetection, input: { scale: [48, 24] } })).to.throw(
      ConfigError,
      'the top-level "input"',
    );
  });
});
