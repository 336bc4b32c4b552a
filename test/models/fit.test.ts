import { expect } from 'chai';
import { itemAt } from '../../src/arrays.ts';
import { ConfigError } from '../../src/errors.ts';
import type { Raster } from '../../src/image/raster.ts';
import { configFromText } from '../../src/loading/config_text.ts';
import { resolveRef } from '../../src/loading/resolve.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import type { Platform } from '../../src/platform/contract.ts';
import { anchorLevels } from '../../src/postprocess/anchors.ts';
import { secondStageDetections } from '../../src/postprocess/detections.ts';
import { prepareDetection, prepareSegmentation } from '../harness/at_once.ts';
import { smallDetection, smallSegmentation } from '../harness/small_model.ts';

/** Fields that configurations of mm are translated to, and configurations that contradict themselves. */

// biome-ignore lint/suspicious/noExplicitAny: the tests edit configurations freely
type Dict = any;

function changed(config: ModelConfig, change: (copy: Dict) => void): ModelConfig {
  const copy = structuredClone(config);
  change(copy);
  return copy;
}

describe('a configuration that contradicts itself is refused:', () => {
  const cases: readonly [what: string, config: ModelConfig, change: (copy: Dict) => void, text: string | RegExp][] = [
    [
      'base sizes',
      smallDetection,
      (c) => (c.detection.rpn.anchors.baseSizes = [4, 8]),
      /anchors\.baseSizes: has 2 levels/,
    ],
    ['centres', smallDetection, (c) => (c.detection.rpn.anchors.centers = [[0, 0]]), /anchors\.centers: has 1 levels/],
    [
      'anchor strides',
      smallDetection,
      (c) => (c.detection.rpn.anchors.strides[1] = 7),
      /anchors\.strides\.1: is 7, but .* 8/,
    ],
    [
      'region strides',
      smallDetection,
      (c) => (c.detection.box.region.strides[3] = 64),
      /box\.region\.strides\.3: is 64, but .* 32/,
    ],
    [
      'mask strides',
      smallDetection,
      (c) => (c.detection.mask.region.strides = [8]),
      /mask\.region\.strides\.0: is 8, but .* 4/,
    ],
    [
      'too many regions',
      smallDetection,
      (c) => c.detection.box.region.strides.push(64, 128),
      /region\.strides: has 6 levels/,
    ],
    [
      'a level of a head',
      smallSegmentation,
      (c) => (c.segmentation.auxiliary.level = 4),
      /level 4 is not one of the 4/,
    ],
    [
      'windows with gaps',
      smallSegmentation,
      (c) => (c.segmentation.slide = { crop: { height: 8, width: 8 }, stride: { height: 8, width: 9 } }),
      /slide\.stride\.width: must be at most the crop's 8/,
    ],
  ];
  for (const [what, config, change, text] of cases) {
    it(`${what}, with the name of the configuration or its file`, () => {
      const wrong = changed(config, change);
      expect(() => createModel(wrong))
        .to.throw(ConfigError, text)
        .with.property('message')
        .that.matches(/^small_/);
      expect(() => configFromText(JSON.stringify(wrong), 'my.json')).to.throw(ConfigError, /^my\.json: /);
    });
  }

  it('a misspelt backbone before missing weights, and tables that are none', async () => {
    const config = { backbone: { type: 'mogant' } } as Dict;
    const error = await resolveRef({ config }, {}, {} as Platform).catch((one: unknown) => one);
    expect(error).to.be.instanceOf(ConfigError).with.property('message').that.includes('Did you mean "moganet"?');
    expect(createModel(smallSegmentation, null as Dict).tasks).to.have.length(1);
    for (const [tables, text] of [
      [3, 'must be an object, got 3'],
      [{ backbones: { mine: 3 } }, 'backbones.mine: must be a function'],
      [{ detectors: { mine: () => 3 } }, 'detectors.mine: must be { config, make }'],
    ] as const) {
      expect(() => createModel(smallSegmentation, tables as Dict)).to.throw(ConfigError, text);
    }
  });
});

describe('the fields of a configuration', () => {
  it('name auxiliary heads of a list by number in the checkpoint', () => {
    const config = changed(smallSegmentation, ({ segmentation }) => {
      segmentation.auxiliary = [segmentation.auxiliary, { ...segmentation.auxiliary, level: 1 }];
    });
    const keys = checkpointParameters(createModel(config)).map(({ key }) => key);
    expect(keys).to.include.members(['auxiliary_head.0.conv_seg.weight', 'auxiliary_head.1.conv_seg.weight']);
    expect(keys).to.not.include('auxiliary_head.conv_seg.weight');
  });

  it('give ε to every BatchNorm of a head and of ResNet, 1e-5 by default', () => {
    const epsilons = (config: ModelConfig) => {
      const { nodes } = createModel(config).parts.features!.graph;
      return new Set(nodes.flatMap((node) => (node.op === 'batchNorm' ? node.attributes.eps : [])));
    };
    const onResNet = (normEps?: number) =>
      changed(smallSegmentation, (c) => {
        c.backbone = { type: 'resnet', depth: 18, normEps };
        c.segmentation.head.normEps = normEps;
      });
    expect(epsilons(onResNet(1e-3))).to.deep.equal(new Set([1e-3]));
    expect(epsilons(onResNet())).to.deep.equal(new Set([1e-5]));
  });

  it('put the centres of anchors where they say', () => {
    const base = { strides: [8], ratios: [1], scales: [1] };
    const baseOf = (more: object) => [...itemAt(anchorLevels({ ...base, ...more }), 0).base];
    expect(baseOf({})).to.deep.equal([-4, -4, 4, 4]);
    expect(baseOf({ centerOffset: 0.5 })).to.deep.equal([0, 0, 8, 8]);
    expect(baseOf({ centers: [[1, 2]] })).to.deep.equal([-3, -2, 5, 6]);
  });

  it('suppress across classes, where other classes suppress, too, but are not kept', () => {
    // one region for two classes: the first has the better score
    const regions = Float32Array.of(0, 0, 10, 10, 0, 0, 10, 10);
    const logits = { shape: [2, 3], data: Float32Array.of(2, 1, 0, 1, 1.5, 0) };
    const deltas = { shape: [2, 4], data: new Float32Array(8) };
    const coder = { means: [0, 0, 0, 0], stds: [1, 1, 1, 1] } as const;
    const found = (more: object) => {
      const options = { coder, score: 0.05, iou: 0.5, max: 10, ...more };
      return [
        ...secondStageDetections(regions, logits, deltas, { imageSize: { height: 20, width: 20 } }, options).labels,
      ];
    };
    expect(found({})).to.deep.equal([0, 1]);
    expect(found({ acrossClasses: true })).to.deep.equal([0]);
    expect(found({ labels: new Set([1]) })).to.deep.equal([1]);
    expect(found({ acrossClasses: true, labels: new Set([1]) })).to.deep.equal([]);
  });
});

describe('an image is fitted', () => {
  const image: Raster = { width: 4, height: 2, data: new Uint8ClampedArray(32).fill(10) };
  const norm = { mean: [0, 0, 0], std: [1, 1, 1] } as const;

  it('exactly if the ratio is not kept, for both tasks', () => {
    for (const prepare of [prepareDetection, prepareSegmentation]) {
      const { geometry, input } = prepare(image, { ...norm, scale: [6, 5], keepRatio: false, divisor: 1 });
      expect(input.shape).to.deep.equal([1, 3, 5, 6]);
      expect(geometry).to.include({ scaleX: 1.5, scaleY: 2.5 });
    }
  });

  it('and padded right and below by its value, to a multiple or a size', () => {
    const padValue = [1, 2, 3] as const;
    const { input, geometry } = prepareDetection(image, { ...norm, scale: [4, 2], divisor: 3, padValue });
    expect(input.shape).to.deep.equal([1, 3, 3, 6]);
    expect([...input.data.subarray(0, 6)]).to.deep.equal([10, 10, 10, 10, 1, 1]);
    expect([...input.data.subarray(48, 54)]).to.deep.equal([3, 3, 3, 3, 3, 3]);
    expect(geometry).to.deep.include({ resized: { height: 2, width: 4 }, padded: { height: 3, width: 6 } });
    const padSize = { height: 5, width: 3 };
    const wide = prepareSegmentation(image, {
      ...norm,
      scale: [4, 2],
      divisor: 1,
      padSize,
      padDivisor: 2,
      padValue: -1,
    });
    expect(wide.input.shape).to.deep.equal([1, 3, 6, 4]);
    expect(wide.geometry.resized).to.deep.equal({ height: 2, width: 4 });
    expect(wide.input.data.at(-1)).to.equal(-1);
  });
});
