import { expect } from 'chai';
import * as z from 'zod';
import { fpnConfig } from '../../heads/fpn.ts';
import type { Neck, SegmentationHead } from '../../heads/head.ts';
import type { SegmentationHeadEntry } from '../../heads/index.ts';
import { itemAt, type Named, type NDArray } from '../../src/arrays.ts';
import { families } from '../../src/backbones/index.ts';
import { ConfigError } from '../../src/errors.ts';
import type { Geometry } from '../../src/image/geometry.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel, type Tables } from '../../src/models/create.ts';
import type { Detector, DetectorEntry } from '../../src/models/detection.ts';
import { named, pickDetections, readLevels, type TaskOptions } from '../../src/models/task.ts';
import { conv2d, module, relu, type Scope, type Value } from '../../src/nn/index.ts';
import type { Detections } from '../../src/postprocess/detections.ts';
import { nms } from '../../src/postprocess/nms.ts';
import { describeHead, describeHeadsOnEngines, type HeadCase } from '../contracts/head_suite.ts';

/*
 * A head is added in four steps: `heads/NAME.ts` with its schema, one line in its table, a configuration, a golden.
 * This file adds a tiny segmentation head and a tiny detector in that form to copies of the tables, and runs the
 * contract suite over them.
 */

const tinyHeadConfig = z.strictObject({ type: z.literal('tiny_head'), channels: z.int().positive() });

function tinyHead({ channels }: z.output<typeof tinyHeadConfig>, classes: number): SegmentationHead {
  const forward = module((scope: Scope, pyramid: readonly Value[]): Value => {
    const finest = itemAt(pyramid, 0);
    const x = relu(scope.at('act'), conv2d(scope.at('conv'), finest, channels, { kernel: 3 }));
    return conv2d(scope.at('conv_seg'), x, classes, { kernel: 1 });
  });
  return { alignCorners: false, forward };
}

const tinyDetectorConfig = z.strictObject({
  type: z.literal('tiny_detector'),
  classes: z.array(z.string()),
  neck: fpnConfig,
  input: z.strictObject({ scale: z.tuple([z.int(), z.int()]), divisor: z.int().default(32) }),
  test: z.strictObject({ score: z.number(), iou: z.number(), max: z.int() }),
});
type TinyDetectorConfig = z.output<typeof tinyDetectorConfig>;

/** Gives a score per class at every position of every level, and the distances in strides to the sides of a box. */
function tinyDetector({ test }: TinyDetectorConfig, neck: Neck, classes: number): Detector {
  return {
    modules: ['neck', 'tiny'],
    forward: (scope, pyramid) => {
      const levels = neck.forward(scope.at('neck'), pyramid);
      const at = scope.at('tiny');
      return {
        ...named(
          'score',
          levels.map((x) => conv2d(at.at('score'), x, classes, { kernel: 1 })),
        ),
        ...named(
          'sides',
          levels.map((x) => conv2d(at.at('sides'), x, 4, { kernel: 1 })),
        ),
      };
    },
    parts: [],
    detect: async ({ features, geometries }, options) => {
      const outputs = await features();
      const scores = await readLevels(outputs, 'score', neck.stages.length);
      const sides = await readLevels(outputs, 'sides', neck.stages.length);
      return geometries.map((geometry, image) => decode(scores, sides, image, geometry, { ...test, ...options }));
    },
  };

  function decode(
    scores: readonly NDArray[],
    sides: readonly NDArray[],
    image: number,
    { original, scaleX, scaleY }: Geometry,
    { score = 0, iou = 1, max = 0 }: TaskOptions,
  ): Detections {
    const found: { box: number[]; score: number; label: number }[] = [];
    for (const [level, { stride }] of neck.stages.entries()) {
      const { shape, data: logits } = itemAt(scores, level);
      const { data: distances } = itemAt(sides, level);
      const [, , height = 0, width = 0] = shape;
      const clip = (value: number, scale: number, most: number) =>
        Math.min(Math.max((value * stride) / scale, 0), most);
      for (let i = 0; i < height * width; i++) {
        const side = (k: number) => Math.abs(distances[(4 * image + k) * height * width + i]!);
        const [x, y] = [(i % width) + 0.5, Math.floor(i / width) + 0.5];
        const box = [
          clip(x - side(0), scaleX, original.width),
          clip(y - side(1), scaleY, original.height),
          clip(x + side(2), scaleX, original.width),
          clip(y + side(3), scaleY, original.height),
        ];
        for (let label = 0; label < classes; label++) {
          const value = 1 / (1 + Math.exp(-logits[(classes * image + label) * height * width + i]!));
          if (value > score) found.push({ box, score: value, label });
        }
      }
    }
    const boxes = Float32Array.from(found.flatMap(({ box }) => box));
    const labels = Int32Array.from(found, ({ label }) => label);
    const scoresOf = Float32Array.from(found, (one) => one.score);
    const kept = nms(boxes, scoresOf, { iou, classes: labels, max });
    return pickDetections({ boxes, scores: scoresOf, labels }, [...kept]);
  }
}

const tables = {
  segmentationHeads: { tiny_head: { config: tinyHeadConfig, make: tinyHead } },
  detectors: { tiny_detector: { config: tinyDetectorConfig, make: tinyDetector } },
} satisfies {
  segmentationHeads: Named<SegmentationHeadEntry>;
  detectors: Named<DetectorEntry>;
} satisfies Tables;

const input = { scale: [64, 64] };
// the types of a configuration cover the heads of the package only
const heads = (config: unknown) => config as HeadCase['heads'];
const cases: readonly HeadCase[] = [
  {
    name: 'tiny_head',
    heads: heads({ segmentation: { classes: ['sky', 'ground'], head: { type: 'tiny_head', channels: 4 }, input } }),
    tables,
    channels: { seg_logits: 2 },
  },
  {
    name: 'tiny_detector',
    heads: heads({
      detection: {
        type: 'tiny_detector',
        classes: ['left', 'right'],
        neck: { type: 'fpn', channels: 4, outs: 4 },
        test: { score: 0.05, iou: 0.5, max: 5 },
        input,
      },
    }),
    tables,
    channels: { score0: 2, sides0: 4 },
  },
];

describe('a head that is added', () => {
  const wrong = (config: object) => createModel({ backbone: families.moganet.small, ...config } as ModelConfig, tables);

  it('is named among the known ones', () => {
    const segmentation = { classes: ['a'], head: { type: 'tiny_hed', channels: 4 }, input: {} };
    expect(() => wrong({ segmentation })).to.throw(ConfigError, /Did you mean "tiny_head"\?/);
    expect(() => wrong({ detection: { type: 'tiny_detectr' } })).to.throw(
      ConfigError,
      /Did you mean "tiny_detector"\?/,
    );
  });

  it('has its field checked by its schema', () => {
    const segmentation = { classes: ['a'], head: { type: 'tiny_head', chanels: 4 }, input: {} };
    expect(() => wrong({ segmentation })).to.throw(ConfigError, 'Did you mean "channels"?');
  });

  it('is refused if its schema lacks the type, with the line to add', () => {
    const config = z.strictObject({ type: z.string(), classes: z.array(z.string()) });
    const lacking = { backbone: families.moganet.small } as ModelConfig;
    const detector = { detectors: { peaks: { config, make: tinyDetector } } } as Tables;
    expect(() => createModel(lacking, detector)).to.throw(ConfigError, /"peaks".*type: z\.literal\('peaks'\)/);
    const bare = { segmentationHeads: { bare: { ...tables.segmentationHeads.tiny_head, config: z.strictObject({}) } } };
    expect(() => createModel(lacking, bare as Tables)).to.throw(ConfigError, /"bare".*type: z\.literal\('bare'\)/);
  });

  it('is unknown without its line in the table', () => {
    const config = { backbone: families.moganet.small, ...itemAt(cases, 0).heads };
    expect(() => createModel(config)).to.throw(ConfigError, 'unknown type "tiny_head"');
  });
});

for (const one of cases) describeHead(one);
describeHeadsOnEngines(cases);
