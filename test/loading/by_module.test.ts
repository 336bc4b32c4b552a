import { expect } from 'chai';
import { CheckpointError, ConfigError, createBackbone, loadModel, type ModelConfig, type Raster } from 'moganet';
import { itemAt } from '../../src/arrays.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import { moduleParameters } from '../../src/loading/by_module.ts';
import { createModel, modelParameters } from '../../src/models/create.ts';
import { rejection } from '../harness/rejection.ts';
import { seededWeight } from '../harness/seeded.ts';
import { smallBoth, smallDetection, smallSegmentation } from '../harness/small_model.ts';

const { backbone } = smallDetection;
const classifier: ModelConfig = { backbone, classification: { classes: 5 } };
const image: Raster = { width: 50, height: 30, data: new Uint8ClampedArray(6000).map((_, i) => (i * 7) % 256) };

/** A file with the model's keys, renamed or left out, filled by formula. */
async function fileOf(config: ModelConfig, rename: (key: string) => string | undefined = (key) => key, salt = '') {
  const tensors = modelParameters(createModel(config)).flatMap(({ key, shape, kind }) => {
    const name = kind === 'ignored' ? undefined : rename(key);
    return name === undefined ? [] : [[name, seededWeight(key.replace(/^backbone\./, ''), shape, { salt })] as const];
  });
  return writeSafetensors(new Map(tensors)).bytes();
}

const engine = 'cpu';

describe('weights by module', () => {
  it('fill the backbone from a classifier’s file, drop its head and name the unfilled modules', async () => {
    const model = await loadModel({ config: smallBoth, weights: { backbone: await fileOf(classifier) } }, { engine });
    expect(model.unfilled).to.deep.equal(['neck', 'rpn_head', 'decode_head', 'roi_head']);
    const pyramid = await model.features(image);
    expect(pyramid.map(({ shape }) => shape)).to.deep.equal([
      [1, 8, 16, 16],
      [1, 8, 8, 8],
      [1, 16, 4, 4],
      [1, 16, 2, 2],
    ]);
    await model.dispose();
  });

  it('give the pyramid of the whole model from every key layout', async () => {
    const openMixup = (key: string) => (key.startsWith('head.') ? key.replace('head.', 'head.fc.') : `backbone.${key}`);
    const files = [
      await fileOf(classifier),
      await fileOf(classifier, openMixup),
      await fileOf(smallDetection),
      await fileOf({ backbone }),
    ];
    const pyramids = [];
    for (const file of files) {
      const model = await loadModel({ config: smallDetection, weights: { backbone: file } }, { engine });
      pyramids.push(await model.features(image));
      await model.dispose();
    }
    const whole = await loadModel({ config: smallDetection, weights: await fileOf(smallDetection) }, { engine });
    expect(whole.unfilled).to.deep.equal([]);
    const expected = await whole.features(image);
    expect(itemAt(expected, 3).data.some((value) => value !== 0)).to.equal(true);
    for (const pyramid of pyramids) expect(pyramid).to.deep.equal(expected);
    await whole.dispose();
  });

  it('refuse to predict by name, alone and in batches', async () => {
    const model = await loadModel(
      { config: smallDetection, weights: { backbone: await fileOf(classifier) } },
      { engine },
    );
    for (const refused of [model.predict(image), model.predictBatch([image])]) {
      const error = await rejection(refused);
      expect(error).to.be.instanceOf(CheckpointError);
      expect(error.message).to.equal(
        'the model "small_detection" has no weights for neck, rpn_head, roi_head, which predict needs. ' +
          'Give a file for each as weights: { neck: file, … }, or train them.',
      );
    }
    await model.dispose();
  });

  it('predict once every module has a file, of a whole model or of the module alone', async () => {
    const whole = await fileOf(smallDetection);
    const alone = await fileOf(smallDetection, (key) => /^roi_head\.(.*)/.exec(key)?.[1]);
    const weights = { backbone: await fileOf(classifier), neck: whole, rpn_head: whole, roi_head: alone };
    const joined = await loadModel({ config: smallDetection, weights }, { engine });
    const reference = await loadModel({ config: smallDetection, weights: whole }, { engine });
    expect(joined.unfilled).to.deep.equal([]);
    const [a, b] = [await joined.predict(image), await reference.predict(image)];
    expect(a.length).to.equal(5);
    expect([...a.boxes, ...a.scores]).to.deep.equal([...b.boxes, ...b.scores]);
    await joined.dispose();
    await reference.dispose();
  });

  it('refuse features if the backbone has no weights', async () => {
    const neck = await fileOf(smallDetection);
    const model = await loadModel({ config: smallDetection, weights: { neck } }, { engine });
    expect(model.unfilled).to.deep.equal(['backbone', 'rpn_head', 'roi_head']);
    const error = await rejection(model.features(image));
    expect(error.message).to.match(
      /^the model "small_detection" has no weights for backbone, .* which features needs\./,
    );
    await model.dispose();
  });

  it('fill the backbone of a classifier and leave its head', async () => {
    const config: ModelConfig = { ...classifier, classification: { classes: 9 } };
    for (const file of [await fileOf(classifier), await fileOf(smallDetection)]) {
      const model = await loadModel({ config, weights: { backbone: file } }, { engine });
      expect(model.unfilled).to.deep.equal(['head']);
      expect(await model.features(image)).to.have.length(4);
      await model.dispose();
    }
  });

  const small = { dims: [4, 8, 8, 16], depths: [1, 1, 1, 1] };
  const normed = {
    convnext: { type: 'convnext', arch: small, outputNorms: true },
    swin: { type: 'swin', arch: { dim: 8, depths: [1, 1, 2, 1], heads: [1, 1, 2, 4] }, window: 4 },
  } as const;
  for (const [name, bare] of Object.entries(normed) as [string, ModelConfig['backbone']][]) {
    it(`name norms on the stages’ outputs of ${name}, which no classifier has, as unfilled`, async () => {
      const config: ModelConfig = { ...smallSegmentation, backbone: bare };
      const published = await fileOf({ backbone: bare, classification: { classes: 3 } });
      const model = await loadModel({ config, weights: { backbone: published } }, { engine });
      const norms = ['backbone.norm0', 'backbone.norm1', 'backbone.norm2', 'backbone.norm3'];
      expect(model.unfilled).to.deep.equal([...norms, 'decode_head']);
      const error = await rejection(model.features(image));
      expect(error.message).to.include('no weights for backbone.norm0, backbone.norm1').and.include('{ backbone: file');
      await model.dispose();
      const trained = await loadModel({ config, weights: { backbone: await fileOf(config) } }, { engine });
      expect(trained.unfilled).to.deep.equal(['decode_head']);
      expect(await trained.features(image)).to.have.length(4);
      await trained.dispose();
      const some = await fileOf(config, (key) => (key.startsWith('backbone.norm2') ? undefined : key));
      const partly = await rejection(loadModel({ config, weights: { backbone: some } }, { engine }));
      expect(partly.message).to.include('2 missing: norm2.weight, norm2.bias');
    });
  }

  it('refuse files that lack a weight of a module', async () => {
    const [broken, wide] = [
      await fileOf(classifier, (key) => (key === 'norm1.weight' ? undefined : key)),
      await fileOf({ ...smallDetection, detection: { ...smallDetection.detection!, classes: ['one'] } } as ModelConfig),
    ];
    const trunk = await rejection(loadModel({ config: smallDetection, weights: { backbone: broken } }, { engine }));
    expect(trunk).to.be.instanceOf(CheckpointError);
    expect(trunk.message).to.include('1 missing: norm1.weight');
    const head = await rejection(loadModel({ config: smallDetection, weights: { roi_head: wide } }, { engine }));
    expect(head.message)
      .to.include('roi_head')
      .and.to.include('bbox_head.fc_cls.weight [2, 16] (the model has [3, 16])');
    const other = await rejection(
      loadModel(
        { config: smallDetection, weights: { backbone: await fileOf({ backbone: { type: 'resnet', depth: 18 } }) } },
        { engine },
      ),
    );
    expect(other.message).to.include('it does not fit the model');
  });

  it('refuse an unknown module with the nearest name, and modules without a configuration', async () => {
    const file = await fileOf(classifier);
    const unknown = await rejection(loadModel({ config: smallDetection, weights: { backbon: file } }, { engine }));
    expect(unknown).to.be.instanceOf(ConfigError);
    expect(unknown.message).to.equal(
      'unknown module "backbon". Did you mean "backbone"? Known: backbone, neck, rpn_head, roi_head.',
    );
    const none = await rejection(loadModel({ weights: { backbone: file } }, { engine }));
    expect(none.message).to.match(/weights by module \(backbone\) need a configuration.*config/);
  });

  it('know every parameter of a model in exactly one module', () => {
    for (const config of [smallBoth, classifier, { backbone }] as ModelConfig[]) {
      const definition = createModel(config);
      const keys = [...moduleParameters(definition).values()].flat().map(({ key }) => key);
      expect(keys.sort()).to.deep.equal(
        modelParameters(definition)
          .map(({ key }) => key)
          .sort(),
      );
    }
    expect([...moduleParameters(createModel(classifier)).keys()]).to.deep.equal(['backbone', 'head']);
  });
});

describe('a bare backbone', () => {
  it('is taken from any model that contains it', async () => {
    const own: ModelConfig = {
      backbone: { type: 'convnext', arch: { dims: [4, 8, 8, 16], depths: [1, 1, 1, 1] } },
    };
    const dense: ModelConfig = { ...smallSegmentation, ...own };
    const input = { shape: [1, 3, 32, 32], data: new Float32Array(3072).fill(0.5) };
    const pyramids = [];
    for (const weights of [await fileOf(own), await fileOf(dense)]) {
      const loaded = await createBackbone(own.backbone, { weights, engine });
      pyramids.push(await loaded.forward(input));
      await loaded.dispose();
    }
    expect(pyramids[1]).to.deep.equal(pyramids[0]);
  });
});
