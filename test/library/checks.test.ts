import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import {
  ConfigError,
  createBackbone,
  encodePng,
  ImageError,
  loadModel,
  type Model,
  type Raster,
  readConfig,
} from 'moganet';
import { encodePng as encodePortable } from '../../src/formats/png_write.ts';
import { smallBoth, smallFile } from '../harness/small_model.ts';

type Kind = new (text: string) => Error;

const image: Raster = { width: 8, height: 8, data: new Uint8ClampedArray(256).fill(255) };

async function refused(promise: Promise<unknown>, kind: Kind, text: string): Promise<void> {
  const error: unknown = await promise.then(
    () => new Error('nothing was thrown'),
    (reason: unknown) => reason,
  );
  expect(error).to.be.instanceOf(kind);
  expect((error as Error).message).to.include(text);
}

/** Hides the type of a value, as callers in JavaScript do. */
const untyped = (value: unknown) => value as never;

describe('a value from the caller', () => {
  let model: Model;
  let weights: Uint8Array;

  before(async () => {
    weights = await smallFile(smallBoth);
    model = await loadModel({ weights }, { engine: 'cpu' });
  });
  after(() => model.dispose());

  it('is refused with the name of the option and its value', async () => {
    const cases: readonly (readonly [options: unknown, ...facts: string[]])[] = [
      [{ score: Number.NaN }, 'score: must be a number from 0 to 1, got NaN.'],
      [{ score: 2 }, 'score: must be a number from 0 to 1, got 2.'],
      [{ score: '0.5' }, 'score: must be a number from 0 to 1, got "0.5".'],
      [{ iou: -1 }, 'iou: must be a number from 0 to 1, got -1.'],
      ...[0, -1, 1.5].map((max) => [{ max }, `max: must be a whole number of at least 1, got ${max}.`] as const),
      [{ scor: 1 }, 'unknown option "scor". Did you mean "score"? Known: score, iou, max, '],
      [{ size: { height: 0, width: 0 } }, 'size.height: must be a whole number from 1 to 16384, got 0.'],
      [{ size: [320, 320] }, 'size: must be { height, width }', 'got [320,320].'],
      [{ size: 320 }, 'size: must be { height, width }', 'got 320.'],
      [{ size: { height: 1e6, width: 1e6 } }, 'size.height: must be a whole number from 1 to 16384, got 1000000.'],
      [{ classes: 'window' }, 'classes: must be a list of names or labels, got "window".'],
      [{ classes: [-1] }, 'classes.0: must be the name of a class, or its label from 0 on, got -1.'],
      [{ only: 'detections' }, 'only: unknown value "detections". Did you mean "detection"?'],
      [{ only: 'masks' }, 'Known: detection, segmentation, classification, pose, custom.'],
      [{ only: 'pose' }, 'the model "small_both" does detection, segmentation, not pose.'],
      [{ only: ['detection'] }, 'only: must be one of "detection", "segmentation", ', 'got ["detection"].'],
      [{ signal: {} }, 'signal: must be an AbortSignal, got {}.'],
      [null, 'options of predict', 'got null.'],
    ];
    for (const [options, ...facts] of cases) {
      for (const fact of facts) {
        await refused(model.predict(image, untyped(options)), ConfigError, fact);
        await refused(model.predictBatch([image], untyped(options)), ConfigError, fact);
      }
    }
    await refused(
      model.features(image, untyped({ max: 1 })),
      ConfigError,
      'unknown option "max". Known: size, maxPixels, signal.',
    );
    expect((await model.predict(image, untyped({ score: undefined }))).length).to.be.greaterThan(0);
  });

  it('is refused if it is not an image', async () => {
    const forms = 'or pixels { width, height, data }, got ';
    const found: readonly [value: unknown, text: string][] = [
      [undefined, `${forms}nothing.`],
      [null, `${forms}null.`],
      [5, `${forms}5.`],
      [{}, `${forms}{}.`],
      ['', 'empty image'],
      [new Int16Array(20), `${forms}an object of class Int16Array.`],
      [
        { ...image, data: new Float32Array(256) },
        'Uint8ClampedArray or Uint8Array, got data an object of class Float32Array.',
      ],
      [{ ...image, data: [0, 0, 0, 0] }, 'Uint8ClampedArray or Uint8Array, got data [0,0,0,0].'],
      [new (class HTMLImageElement {})(), 'of class HTMLImageElement. Draw it on a canvas and give its pixels: '],
      [new (class OffscreenCanvas {})(), "of class OffscreenCanvas. Give its pixels: canvas.getContext('2d')."],
      [new Response('x'), 'this is text that begins "x"'],
    ];
    for (const [value, text] of found) await refused(model.predict(untyped(value)), ImageError, text);
    await refused(
      model.predictBatch(untyped('x.jpg')),
      ImageError,
      'predictBatch takes a list of images, got "x.jpg".',
    );
  });

  it('may limit the pixels of a file, and raise the limit', async () => {
    const big = encodePng({ width: 30, height: 20, data: new Uint8ClampedArray(2400) });
    await refused(model.predict(big, { maxPixels: 599 }), ImageError, 'limit');
    await refused(model.features(big, { maxPixels: 599 }), ImageError, 'limit');
    expect((await model.predict(big, { maxPixels: 600 })).imageSize).to.deep.equal({ height: 20, width: 30 });
    await refused(model.predict(big, { maxPixels: 0 }), ConfigError, 'maxPixels: must be a whole number of at least 1');
    // a file that declares 72 megapixels, more than the default limit: nothing of that size is made before the check
    const declared = new Uint8Array(big);
    new DataView(declared.buffer).setUint32(16, 9000);
    new DataView(declared.buffer).setUint32(20, 8000);
    new DataView(declared.buffer).setUint32(29, crc32(declared.subarray(12, 29)));
    const byDefault = '72.0 megapixels, the limit is 67.1 megapixels';
    await refused(model.predict(declared), ImageError, byDefault);
    await refused(model.predict(declared, { maxPixels: 2 ** 27 }), ImageError, 'IDAT');
  });

  it('is read from a data: URL, and not repeated in messages', async () => {
    const dataUrl = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`;
    const [direct, coded] = [await model.predict(image), await model.predict(dataUrl(encodePng(image)))];
    expect([...coded.scores]).to.deep.equal([...direct.scores]);
    expect(coded.origin?.file).to.equal(undefined);
    await refused(model.predict(dataUrl(new Uint8Array(48_000))), ImageError, 'bytes: ');
    const bare = Buffer.from(new Uint8Array([...encodePng(image), ...new Uint8Array(200)])).toString('base64');
    await refused(model.predict(bare), ImageError, 'this text is base64. Write "data:image/png;base64,"');
    await refused(model.predict('data:image/png;base64,@@@'), ImageError, 'data: URL: invalid base64. Encode the');
  });

  it('is refused when a result is drawn or written', async () => {
    const result = await model.predict(image);
    expect(() => result.render(untyped({ draw: 'bth' }))).to.throw(
      ConfigError,
      /^options of render: draw: .*"bth"\. Known: detection, segmentation, classification, pose\. .* a list\.$/,
    );
    expect(() => result.render(untyped({ lineWdth: 2 }))).to.throw(ConfigError, 'Did you mean "lineWidth"?');
    expect(() => result.render(untyped({ draw: [] }))).to.throw(
      ConfigError,
      /^options of render: draw: .* got \[\]\.$/,
    );
    for (const options of [{ maskOpacity: 2 }, { labelOf: 'name' }, { boxes: 1 }, { lineWidth: 0 }]) {
      const [[name, value] = []] = Object.entries(options);
      const facts = new RegExp(`^options of render: ${name}: .* got ${JSON.stringify(value)}\\.$`);
      expect(() => result.render(untyped(options))).to.throw(ConfigError, facts);
    }
    const coco = /^options of toCOCO: imageId: .*\{ imageId: 42 \}, got nothing\.$/;
    expect(() => result.toCOCO(untyped({}))).to.throw(ConfigError, coco);
    expect(() => result.toCOCO(untyped(undefined))).to.throw(ConfigError, coco);
    for (const encode of [encodePng, encodePortable]) {
      const data = /\{ width, height, data \}.*Uint8ClampedArray or Uint8Array, got /;
      expect(() => encode(untyped(result)))
        .to.throw(ImageError, data)
        .with.property('message')
        .match(/class Result\.$/);
      expect(() => encode(untyped({})))
        .to.throw(ImageError, data)
        .with.property('message')
        .match(/got \{\}\.$/);
      expect(() => encode(untyped({ width: 1, height: 1, data: [0] }))).to.throw(ImageError, /got data \[0\]\.$/);
    }
  });

  it('is refused if it does not name a model', async () => {
    const load = (ref: unknown, options?: unknown) => loadModel(untyped(ref), untyped(options));
    await refused(
      load(undefined),
      ConfigError,
      'a model is its name, or { config, weights }, got nothing. A file alone is { weights: file }.',
    );
    await refused(load(weights), ConfigError, 'got an object of class Uint8Array. A file alone is { weights: file }.');
    await refused(
      load({ config: {}, weights }),
      ConfigError,
      'config: must be the name of a model, or a configuration with backbone.type, got {}.',
    );
    await refused(
      load({ wieghts: weights }),
      ConfigError,
      'unknown key "wieghts". Did you mean "weights"? Known: config, weights.',
    );
    await refused(
      load({ weights: 5 }),
      ConfigError,
      'weights: must be a file, a URL or bytes, or these by module, got 5.',
    );
    await refused(load({ weights: [] }), ConfigError, 'weights: must be a file, a URL or bytes, or these by module');
    await refused(load('/nowhere/facade.pth'), ConfigError, '{ weights: file }');
    await refused(load('facade', null), ConfigError, 'options of loadModel');
    await refused(
      load('facade', { thread: 1 }),
      ConfigError,
      'options of loadModel: unknown option "thread". Did you mean "threads"?',
    );
    await refused(
      load('my.json'),
      ConfigError,
      '"my.json" names a file, and a configuration is an object: read the file first',
    );
    await refused(load({ config: 'my.json', weights }), ConfigError, 'read the file first');
    await refused(load('mine.pth'), ConfigError, 'A file of weights is given as { weights: file }.');
    for (const value of [{ weights: 'f16.safetensors' }, undefined, 5]) {
      const fact = 'readConfig takes a file of weights (a path, URL or bytes), got ';
      await refused(readConfig(untyped(value)), ConfigError, fact);
    }
    await refused(
      load('facade', { engine: 3 }),
      ConfigError,
      'engine: must be the name of an engine, or an engine, got 3.',
    );
  });

  it('is refused if it is not a backbone, or not an input of one', async () => {
    const create = (config: unknown, options?: unknown) => createBackbone(untyped(config), untyped(options));
    const need = 'createBackbone needs weights: createBackbone(config, { weights: file, URL or bytes }).';
    await refused(create('moganet_xt'), ConfigError, need);
    await refused(create('moganet_xt', {}), ConfigError, need);
    await refused(create({}), ConfigError, 'takes the name of a model, or a configuration with its `type`, got {}.');
    const backbone = await createBackbone(smallBoth.backbone, { weights, engine: 'cpu' });
    const data = new Float32Array(5);
    await refused(
      backbone.forward({ shape: [1, 3, 32, 32], data }),
      ConfigError,
      'an array of shape [1, 3, 32, 32] has 3072 values, got 5.',
    );
    for (const nothing of [undefined, null, 'x']) {
      await refused(backbone.forward(untyped(nothing)), ConfigError, 'an image for a backbone is { shape: [n, 3,');
    }
    await refused(
      backbone.forward(untyped({ data })),
      ConfigError,
      'an image for a backbone is { shape: [n, 3, height, width], data: Float32Array }.',
    );
    await backbone.dispose();
  });

  it('may be a configuration, whose edges have a limit', async () => {
    const { detection } = smallBoth as Required<typeof smallBoth>;
    const detector = { ...detection, input: { scale: [100_000, 100_000] as [number, number] } };
    const huge = await loadModel(
      { weights },
      { engine: 'cpu', configure: (config) => ({ ...config, detection: detector }) },
    );
    await refused(huge.predict(image), ConfigError, '16384 pixels, got 100000×100000.');
    await huge.dispose();
  });

  it('may be aborted while an engine computes on this thread', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 0);
    // only the turns between the parts let the timer run, since the pixels are there already
    await refused(model.predict(image, { signal: controller.signal }), Error, 'enough');
  });
});
