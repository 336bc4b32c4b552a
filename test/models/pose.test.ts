import { expect } from 'chai';
import { heatmapHead } from '../../heads/heatmap.ts';
import type { Size } from '../../src/arrays.ts';
import { poseDatasetOf } from '../../src/datasets/index.ts';
import { ConfigError } from '../../src/errors.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import type { TaskOptions } from '../../src/models/task.ts';
import { shapesOf } from '../../src/nn/index.ts';

const backbone = { type: 'moganet' as const, arch: 'xt' as const };
const modelOf = (pose: ModelConfig['pose']) => createModel({ backbone, pose });
const keypoints = { names: ['nose', 'left ear', 'right ear'] };

describe('a pose model', () => {
  it('gives a heatmap for each keypoint, in a quarter of the edges of its input', () => {
    const { parts, outputs, tasks } = modelOf({ dataset: 'coco_keypoints' });
    expect(outputs.pose).to.deep.equal(['heatmaps']);
    expect(tasks.map(({ kind }) => kind)).to.deep.equal(['pose']);
    const { graph } = parts.features!;
    const shape = shapesOf(graph, { image: { batch: 3, height: 256, width: 192 } })[graph.outputs.heatmaps!];
    expect(shape).to.deep.equal({ batch: 3, channels: 17, height: 64, width: 48 });
  });

  it('has the keys of mmpose 0.x, of which the transposed convolutions have no bias', () => {
    const head = checkpointParameters(modelOf({ dataset: 'coco_keypoints' }))
      .map(({ key, shape }) => `${key} ${shape.join('×')}`)
      .filter((key) => key.startsWith('keypoint_head.'));
    expect(head).to.have.length(3 * 6 + 2);
    expect(head[0]).to.equal('keypoint_head.deconv_layers.0.weight 192×256×4×4');
    expect(head[6]).to.equal('keypoint_head.deconv_layers.3.weight 256×256×4×4');
    expect(head.slice(-2)).to.deep.equal([
      'keypoint_head.final_layer.weight 17×256×1×1',
      'keypoint_head.final_layer.bias 17',
    ]);
  });

  it('reads the last stage, or the one that it names', () => {
    const channels = (level?: number) =>
      checkpointParameters(modelOf({ keypoints, head: { type: 'heatmap_head', channels: [], level } })).find(
        ({ key }) => key === 'keypoint_head.final_layer.weight',
      )?.shape;
    expect(channels()).to.deep.equal([3, 192, 1, 1]);
    expect(channels(1)).to.deep.equal([3, 64, 1, 1]);
    expect(() => channels(4)).to.throw(ConfigError, 'level 4 is not one of the 4 levels');
  });

  it('has three heatmaps for each keypoint if they are offsets, too', () => {
    const { parts } = modelOf({ keypoints, test: { decode: 'udp', target: 'offset' } });
    const { graph } = parts.features!;
    expect(graph.nodes[graph.outputs.heatmaps!]?.channels).to.equal(9);
  });

  it('has the names of its own keypoints, and of what has them', () => {
    const { tasks } = modelOf({ keypoints: { ...keypoints, flipPairs: [[1, 2]] }, class: 'horse' });
    expect(tasks[0]?.dataset).to.deep.equal({
      classes: ['horse'],
      keypoints: { names: keypoints.names, skeleton: [], flipPairs: [[1, 2]], sigmas: undefined },
    });
    expect(modelOf({ dataset: 'coco_keypoints' }).tasks[0]?.dataset).to.include({ id: 'coco_keypoints' });
  });

  it('has the keys of mmpose 1.x for convolutions before the last one, which may be left out', () => {
    const keysOf = (head: Omit<NonNullable<NonNullable<ModelConfig['pose']>['head']>, 'type'>) =>
      checkpointParameters(modelOf({ keypoints, head: { type: 'heatmap_head', ...head } }))
        .filter(({ key }) => /^keypoint_head\..*\.(weight|bias)$/.test(key))
        .map(({ key, shape }) => `${key.replace('keypoint_head.', '')} ${shape.join('×')}`);
    const convs = [
      { channels: 8, kernel: 3 },
      { channels: 6, kernel: 1 },
    ];
    const plain = [
      'conv_layers.0.weight 8×192×3×3',
      'conv_layers.0.bias 8',
      'conv_layers.1.weight 8',
      'conv_layers.1.bias 8',
      'conv_layers.3.weight 6×8×1×1',
      'conv_layers.3.bias 6',
      'conv_layers.4.weight 6',
      'conv_layers.4.bias 6',
    ];
    expect(keysOf({ channels: [], convs, finalKernel: 5 })).to.deep.equal([
      ...plain,
      'final_layer.weight 3×6×5×5',
      'final_layer.bias 3',
    ]);
    expect(keysOf({ channels: [], convs: [...convs, { channels: 3, kernel: 1 }], finalKernel: 0 })).to.have.length(12);
  });

  it('shares no model with other tasks, which see the whole image', () => {
    const segmentation = { classes: ['a', 'b'], head: { type: 'uper_head' as const, channels: 8 } };
    expect(() =>
      createModel({ backbone, segmentation: { ...segmentation, input: {} }, pose: { dataset: 'coco_keypoints' } }),
    ).to.throw(ConfigError, 'pose cannot share a model with other tasks');
  });

  it('refuses options that one box at a time has no use for, by their names', () => {
    const check = (options: TaskOptions, size?: Size) => () => modelOf({ keypoints }).tasks[0]?.check?.(options, size);
    expect(check({})).to.not.throw();
    expect(check({ scales: [1, 2] })).to.throw(ConfigError, '`scales`');
    expect(check({ classes: ['person'] })).to.throw(ConfigError, '`classes`');
    expect(check({ oks: 0.9 })).to.throw(ConfigError, '`sigmas`');
    expect(check({ boxes: [[0, 0, 9, 9], [5, 5, 5, 9]] })).to.throw(ConfigError, /box 1 has no area: 5, 5, 5, 9\. Boxes are x1/); // biome-ignore format: two boxes
    const thin = [1e6, 1e6, 1e6 + 0.001, 1e6 + 0.125]; // two steps of float32 high
    // its crop is the narrower, the higher the input
    expect(check({ boxes: [thin] })).to.not.throw();
    expect(check({ boxes: [thin] }, { height: 192, width: 48 })).to.throw(
      ConfigError,
      /box 0 is too far away or too small/,
    );
  });

  const refused: readonly [what: string, pose: unknown, message: RegExp][] = [
    ['no keypoints', {}, /pose\.dataset: name a data set as "dataset" \(coco_keypoints\) or give "keypoints"/],
    ['keypoints in two ways', { dataset: 'coco_keypoints', keypoints }, /pose\.keypoints: .*not both/],
    ['a data set without keypoints', { dataset: 'coco' }, /pose\.dataset: .*coco_keypoints/],
    ['another class of a data set', { dataset: 'coco_keypoints', class: 'cat' }, /pose\.class: must be left out/],
    ['a link to nowhere', { keypoints: { ...keypoints, skeleton: [[0, 3]] } }, /skeleton\.0: must name two of the 3/],
    ['a link to itself', { keypoints: { ...keypoints, skeleton: [[1, 1]] } }, /skeleton\.0: must name two different/],
    [
      'a keypoint in two pairs',
      { keypoints: { ...keypoints, flipPairs: [[0, 1], [1, 2]] } }, // biome-ignore format: two pairs
      /flipPairs: must name each keypoint once, but 1 is there twice/,
    ],
    [
      'a keypoint in two of very many pairs',
      {
        keypoints: {
          names: Array.from({ length: 2e5 }, (_, i) => `${i}`),
          flipPairs: [...Array.from({ length: 1e5 }, (_, i) => [2 * i, 2 * i + 1]), [0, 3]],
        },
      },
      /flipPairs: must name each keypoint once, but 0 is there twice/,
    ],
    ['too few sigmas', { keypoints: { ...keypoints, sigmas: [1] } }, /sigmas: must be one for each of the 3/],
    ['a window of a gigabyte', { keypoints, test: { blur: 2 ** 28 + 1 } }, /test\.blur: .*255/],
    ['an even window', { keypoints, test: { blur: 10 } }, /test\.blur: must be odd/],
    ['offsets that nothing reads', { keypoints, test: { target: 'offset' } }, /test\.target: is "offset", which only/],
    ['an unknown way of decoding', { keypoints, test: { decode: 'soft' } }, /test\.decode/],
    ['another kernel', { keypoints, head: { type: 'heatmap_head', kernels: [5, 4, 4] } }, /head\.kernels\.0/],
    [
      'maps of another number than keypoints',
      { keypoints, head: { type: 'heatmap_head', channels: [8, 4], finalKernel: 0 } },
      /finalKernel 0.*gives 4 maps, and 3 are needed/,
    ],
    ['an even last kernel', { keypoints, head: { type: 'heatmap_head', finalKernel: 2 } }, /head\.finalKernel/],
    [
      'more layers than any head has',
      { keypoints, head: { type: 'heatmap_head', channels: new Array(33).fill(8) } },
      /head\.channels: must be at most 32/,
    ],
    [
      'as many plain ones',
      { keypoints, head: { type: 'heatmap_head', convs: new Array(1e5).fill({ channels: 8, kernel: 1 }) } },
      /head\.convs: must be at most 32/,
    ],
    ['too few kernels', { keypoints, head: { type: 'heatmap_head', kernels: [4] } }, /has 1 kernels for 3/],
  ];
  for (const [what, pose, message] of refused) {
    it(`is refused for ${what}`, () => {
      expect(() => modelOf(pose as ModelConfig['pose'])).to.throw(ConfigError, message);
    });
  }
});

describe('the head of heatmaps', () => {
  it('doubles odd sides exactly, by any kernel', () => {
    for (const kernels of [[4], [3], [2], [2, 3, 4]] as const) {
      const channels = kernels.map(() => 4);
      const config = { type: 'heatmap_head' as const, channels, kernels: [...kernels], finalKernel: 3 as const };
      const model = createModel(
        { backbone, head: { type: 'alone' } },
        {
          heads: {
            alone: (_: unknown, stages) => {
              const { forward } = heatmapHead(config, 2, stages);
              return { forward: (scope, pyramid) => ({ maps: forward(scope, pyramid) }), decode: () => undefined };
            },
          },
        },
      );
      const { graph } = model.parts.features!;
      const shapes = shapesOf(graph, { image: { batch: 1, height: 160, width: 96 } });
      const times = 2 ** kernels.length;
      const expected = { batch: 1, channels: 2, height: 5 * times, width: 3 * times };
      expect(shapes[graph.outputs['head.maps']!], `${kernels}`).to.deep.equal(expected);
    }
  });
});

describe('the data set of a pose', () => {
  it('has COCO’s 17 keypoints, the sides of which are pairs', () => {
    const { names, skeleton, flipPairs, sigmas } = poseDatasetOf({ dataset: 'coco_keypoints' }).keypoints;
    expect(names).to.have.length(17);
    expect(sigmas).to.have.length(17);
    expect(skeleton).to.have.length(19);
    expect([names[0], names[11], names[16]]).to.deep.equal(['nose', 'left_hip', 'right_ankle']);
    for (const [left, right] of flipPairs) {
      expect(names[right]).to.equal(names[left]?.replace('left', 'right'));
      expect(sigmas?.[right]).to.equal(sigmas?.[left]);
    }
    expect(flipPairs.flat().sort((a, b) => a - b)).to.deep.equal(Array.from({ length: 16 }, (_, i) => i + 1));
    // mirrored, every link is another link or itself
    const partner = (keypoint: number) =>
      flipPairs.flatMap(([a, b]) => (a === keypoint ? b : b === keypoint ? a : []))[0] ?? keypoint;
    const text = (a: number, b: number) => [a, b].sort((x, y) => x - y).join('-');
    const links = new Set(skeleton.map(([a, b]) => text(a, b)));
    for (const [a, b] of skeleton) expect(links).to.include(text(partner(a), partner(b)));
  });

  it('is refused if it has none', () => {
    expect(() => poseDatasetOf({ dataset: 'imagenet' })).to.throw(ConfigError, 'Known with keypoints: coco_keypoints');
    expect(() => poseDatasetOf({})).to.throw(ConfigError);
  });
});
