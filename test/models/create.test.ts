import { expect } from 'chai';
import { facadeModels } from '../../configs/facade.ts';
import { itemAt } from '../../src/arrays.ts';
import type { Backbone, Stage } from '../../src/backbones/index.ts';
import { ConfigError } from '../../src/errors.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { checkpointParameters, createModel, modelParameters, type Tables } from '../../src/models/create.ts';
import type { Head } from '../../src/models/custom.ts';
import { byName } from '../../src/models/task.ts';
import {
  conv2d,
  type Engine,
  loadPart,
  type Program,
  type RecordedPart,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import { hostTensor, onFeatures, taskOf } from '../harness/tasks.ts';

const demo = itemAt(facadeModels, 0).config;
const { backbone, detection: maskRcnnLite, segmentation: uperNetLite } = demo as Required<typeof demo>;

const tiny = (stages: number) => ({
  type: 'moganet' as const,
  arch: {
    dims: [8, 16, 24, 32, 40].slice(0, stages),
    depths: [1, 1, 1, 1, 1].slice(0, stages),
    ratios: [4, 4, 2, 2, 2].slice(0, stages),
  },
});

/** Four strided convolutions. */
const plainBackbone = ({ width }: { width: number }): Backbone => {
  const stages: Stage[] = [4, 8, 16, 32].map((stride, i) => ({ channels: width << i, stride }));
  return {
    stages,
    forward: (scope, image) => {
      let x = image;
      return stages.map(({ channels }, i) => {
        x = conv2d(scope.at('stages').at(i), x, channels, { kernel: 3, stride: i === 0 ? 4 : 2 });
        return x;
      });
    },
  };
};

/** One logit per position of the coarsest level, whose mean is the result. */
const brightness = (_: unknown, stages: readonly Stage[]): Head<'score', number> => ({
  forward: (scope: Scope, pyramid: readonly Value[]) => {
    expect(pyramid.map(({ channels }) => channels)).to.deep.equal(stages.map(({ channels }) => channels));
    return { score: conv2d(scope.at('conv'), itemAt(pyramid, -1), 1, { kernel: 1 }) };
  },
  decode: ({ score }) => score.data.reduce((sum, value) => sum + value, 0) / score.data.length,
});

const featuresOf = (config: ModelConfig<Tables>, tables: Tables = {}) =>
  byName(createModel(config, tables).parts, 'features').graph;
const outputsOf = (config: ModelConfig<Tables>, tables?: Tables) => Object.keys(featuresOf(config, tables).outputs);

describe('createModel', () => {
  it('makes a bare backbone, whose keys begin at the root', () => {
    const model = createModel({ backbone: tiny(4) });
    expect(outputsOf({ backbone: tiny(4) })).to.deep.equal(['stage0', 'stage1', 'stage2', 'stage3']);
    expect(modelParameters(model)[0]?.key).to.equal('patch_embed1.projection.0.weight');
  });

  it('makes a classifier, with names or with their number', () => {
    expect(
      createModel({ backbone: tiny(4), classification: { classes: ['cat', 'dog'] } }).tasks[0]?.dataset?.classes,
    ).to.deep.equal(['cat', 'dog']);
    expect(createModel({ backbone: tiny(4), classification: { classes: 2 } }).tasks[0]?.dataset?.classes).to.deep.equal(
      ['class 0', 'class 1'],
    );
    expect(outputsOf({ backbone: tiny(4), classification: { classes: 2 } })).to.include('logits');
    const keys = modelParameters(createModel({ backbone: tiny(4), classification: { classes: 2 } })).map(
      ({ key }) => key,
    );
    expect(keys).to.include('head.weight').and.to.include('norm4.weight');
  });

  it('gives detection parts that run on regions', () => {
    const model = createModel({ backbone, detection: maskRcnnLite });
    expect(Object.keys(model.parts)).to.deep.equal(['features', 'box', 'mask']);
    expect(Object.keys(byName(model.parts, 'box').inputs)).to.deep.equal([
      ...['fpn0', 'fpn1', 'fpn2', 'fpn3'],
      ...['rois0', 'rois1', 'rois2', 'rois3'],
    ]);
    if (maskRcnnLite.type !== 'mask_rcnn') throw new Error('the demo is not a Mask R-CNN');
    const { mask: _, ...boxesOnly } = maskRcnnLite;
    expect(Object.keys(createModel({ backbone, detection: boxesOnly }).parts)).to.deep.equal(['features', 'box']);
  });

  it('tells engines which maps other parts take', async () => {
    const { features, box } = createModel({ backbone, detection: maskRcnnLite }).parts;
    const programs: Program[] = [];
    const engine = { load: async (program: Program) => void programs.push(program) } as unknown as Engine;
    for (const part of [features, box]) await loadPart(engine, part as RecordedPart, new Map(), []);
    const [first, second] = programs;
    const outputs = Object.keys(first?.graph.outputs ?? {});
    expect(outputs.filter((output) => first?.onDevice?.includes(output))).to.deep.equal([
      'fpn0',
      'fpn1',
      'fpn2',
      'fpn3',
    ]);
    expect(second?.onDevice).to.equal(undefined);
  });

  it('runs a part on zero regions', () => {
    const { graph } = byName(createModel({ backbone, detection: maskRcnnLite }).parts, 'box');
    const maps = [0, 1, 2, 3].map((i) => [`fpn${i}`, { batch: 1, height: 32 >> i, width: 40 >> i }]);
    const rois = [0, 1, 2, 3].map((i) => [`rois${i}`, { batch: 0 }]);
    const shapes = shapesOf(graph, Object.fromEntries([...maps, ...rois]));
    expect(shapes[byName(graph.outputs, 'cls_score')]).to.deep.equal({ batch: 0, channels: 6, height: 1, width: 1 });
  });

  it('puts several heads on one backbone, which is recorded once', () => {
    const both: ModelConfig = { backbone, detection: maskRcnnLite, segmentation: uperNetLite };
    expect(outputsOf(both)).to.include.members(['fpn0', 'rpn_cls0', 'seg_logits']);
    const { nodes } = featuresOf(both);
    const stems = nodes.filter(({ path, op }) => path === 'backbone.patch_embed1.projection.0' && op === 'conv2d');
    expect(stems).to.have.length(1);
    const keys = (config: ModelConfig) => modelParameters(createModel(config)).map(({ key }) => key);
    const apart = [...keys({ backbone, detection: maskRcnnLite }), ...keys({ backbone, segmentation: uperNetLite })];
    expect(new Set(keys(both))).to.deep.equal(new Set(apart));
  });

  it('has the auxiliary head in the checkpoint, but does not run it', () => {
    const model = createModel({ backbone, segmentation: uperNetLite });
    const auxiliary = (key: string) => key.startsWith('auxiliary_head.');
    expect(modelParameters(model).filter(({ key }) => auxiliary(key))).to.deep.equal([]);
    const published = checkpointParameters(model).filter(({ key }) => auxiliary(key));
    expect(published.map(({ key }) => key)).to.include('auxiliary_head.convs.0.conv.weight');
    expect(model.auxiliary?.name).to.equal('auxiliary');
  });

  describe('with custom parts', () => {
    const tables = { backbones: { plain: plainBackbone }, heads: { brightness } };
    const custom: ModelConfig<typeof tables> = { backbone: { type: 'plain', width: 8 }, head: { type: 'brightness' } };

    const pyramid = ['stage0', 'stage1', 'stage2', 'stage3'];

    it('takes a backbone and a head from the caller’s tables', async () => {
      const model = createModel(custom, tables);
      expect(model.stages.map(({ channels }) => channels)).to.deep.equal([8, 16, 32, 64]);
      expect(outputsOf(custom, tables)).to.deep.equal([...pyramid, 'head.score']);
      expect(modelParameters(model).map(({ key }) => key)).to.include.members([
        'backbone.stages.0.weight',
        'head.conv.bias',
      ]);
      const geometry = {
        original: { height: 1, width: 2 },
        resized: { height: 1, width: 2 },
        padded: { height: 1, width: 2 },
        scaleX: 1,
        scaleY: 1,
      };
      const features = { 'head.score': hostTensor([1, 1, 1, 2], [1, 3]) };
      const [result] = await taskOf(model, 'custom').predict(onFeatures(features, [geometry]), {});
      expect(result).to.deep.equal({ custom: 2, detections: undefined });
    });

    it('puts heads of the package on a custom backbone', () => {
      const config = { ...custom, head: undefined, segmentation: uperNetLite };
      expect(outputsOf(config, tables)).to.deep.equal([...pyramid, 'seg_logits']);
    });

    it('keeps the parts of the package', () => {
      expect(createModel({ backbone: tiny(4) }, tables).stages).to.have.length(4);
    });

    it('refuses a backbone whose stages differ from its levels', () => {
      const create = (change: (stages: Stage[]) => unknown) => () =>
        createModel(custom, {
          ...tables,
          backbones: {
            plain: (config) => {
              const backbone = plainBackbone(config);
              return { ...backbone, stages: change([...backbone.stages]) as Stage[] };
            },
          },
        });
      const changed = (i: number, change: Partial<Stage>) =>
        create((stages) => stages.map((stage, j) => (i === j ? { ...stage, ...change } : stage)));
      expect(create((stages) => stages)).not.to.throw();
      expect(changed(1, { channels: 17 })).to.throw(
        ConfigError,
        'the backbone "plain": stage 1 of `stages` has 17 channels, and forward gives 16.',
      );
      expect(create((stages) => stages.slice(1))).to.throw(
        ConfigError,
        'the backbone "plain": `stages` has 3 levels, and forward gives 4 levels.',
      );
      expect(changed(0, { stride: 8 })).to.throw(
        ConfigError,
        'the backbone "plain": stage 0 of `stages` has the stride 8, which makes 32×32 of an image of 256×256, and forward gives 64×64.',
      );
      expect(changed(3, { stride: 0 })).to.throw(ConfigError, 'stage 3 of `stages` needs a stride above 0, got 0.');
      expect(create(() => undefined)).to.throw(ConfigError, 'has no stages. Give a list of { channels, stride }');
      const single = () => ({ ...plainBackbone({ width: 8 }), forward: (_: unknown, image: Value) => image as never });
      expect(() => createModel(custom, { ...tables, backbones: { plain: single } })).to.throw(
        ConfigError,
        'and forward gives no list of levels.',
      );
    });

    it('names the known parts', () => {
      expect(() => createModel({ ...custom, backbone: { type: 'plane' } } as never, tables)).to.throw(
        ConfigError,
        /unknown backbone "plane"\. Did you mean "plain"\? Known: moganet, .*plain\./,
      );
      expect(() => createModel({ ...custom, head: { type: 'bright' } }, tables)).to.throw(
        ConfigError,
        'unknown head "bright". Known: brightness.',
      );
      expect(() => createModel({ backbone: tiny(4), head: { type: 'mine' } })).to.throw(
        ConfigError,
        'unknown head "mine": pass it as createModel(config, { heads: { mine } }).',
      );
    });

    it('does not take `constructor` or `toString` for an entry of a table', () => {
      expect(() => createModel({ backbone: { type: 'constructor' } } as never)).to.throw(
        ConfigError,
        'unknown backbone',
      );
      expect(() => createModel({ backbone: tiny(4), head: { type: 'toString' } }, tables)).to.throw(
        ConfigError,
        'unknown head "toString"',
      );
    });
  });

  describe('refuses', () => {
    it('a detector on another number of stages than four', () => {
      for (const stages of [3, 5]) {
        expect(() => createModel({ backbone: tiny(stages), detection: maskRcnnLite })).to.throw(
          ConfigError,
          `needs a backbone of four stages, this one has ${stages}.`,
        );
      }
    });

    it('classification beside other tasks', () => {
      expect(() => createModel({ backbone, classification: { classes: 3 }, segmentation: uperNetLite })).to.throw(
        ConfigError,
        'classification cannot share a model',
      );
    });

    it('classification on a backbone without a classifier', () => {
      const backbone = { type: 'plain' as const, width: 8 };
      const tables = { backbones: { plain: plainBackbone } };
      expect(() => createModel({ backbone, classification: { classes: 3 } }, tables)).to.throw(
        ConfigError,
        'the backbone "plain" has no classifier.',
      );
    });

    it('a configuration without a backbone', () => {
      for (const config of [undefined, null, {}, { backbone: 'xt' }, { backbone: {} }]) {
        expect(() => createModel(config as unknown as ModelConfig)).to.throw(
          ConfigError,
          'backbone.type is missing. Known: moganet',
        );
      }
    });

    it('a file of another kind, with what is in it', () => {
      const labels = { images: [], annotations: [], categories: [] };
      expect(() => createModel(labels as unknown as ModelConfig)).to.throw(
        ConfigError,
        'It has images, annotations, categories instead, so it is no configuration.',
      );
    });

    it('an unknown key, with the name of the configuration', () => {
      expect(() => createModel({ name: 'mine', backbone: tiny(4), detectoin: {} } as ModelConfig)).to.throw(
        ConfigError,
        /^mine: unknown key "detectoin"\..*Did you mean "detection"\?/,
      );
    });

    it('a pyramid of fewer levels than the backbone gives', () => {
      const neck = { ...maskRcnnLite.neck, outs: 3 };
      expect(() => createModel({ backbone, detection: { ...maskRcnnLite, neck } })).to.throw(
        ConfigError,
        'FPN: outs 3 with startLevel 0 does not fit a backbone of 4 stages.',
      );
    });
  });
});
