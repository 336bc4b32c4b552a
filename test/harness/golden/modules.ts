import { boxHead } from '../../../heads/box.ts';
import { fcnHead } from '../../../heads/fcn.ts';
import { fpn } from '../../../heads/fpn.ts';
import type { SegmentationHead } from '../../../heads/head.ts';
import { maskHead } from '../../../heads/mask.ts';
import { retinaConfig, retinaHead } from '../../../heads/retina.ts';
import { type LevelOutputs, rpnConfig, rpnHead } from '../../../heads/rpn.ts';
import { semanticFpnHead } from '../../../heads/semantic_fpn.ts';
import { uperHead } from '../../../heads/upernet.ts';
import type { Named, NDArray, Shape } from '../../../src/arrays.ts';
import {
  boxHeadFromMm,
  maskHeadFromMm,
  neckFromMm,
  retinaHeadFromMm,
  rpnHeadFromMm,
} from '../../../src/models/mm/detection.ts';
import { byType } from '../../../src/models/mm/parts.ts';
import { segmentationHeadFromMm } from '../../../src/models/mm/segmentation.ts';
import { type Graph, map, type Part, type Scope, type Value } from '../../../src/nn/index.ts';
import { inputOf, weightsFor } from '../golden.ts';
import { type EngineRunner, expectPart, type Position } from './run_graph.ts';

/** Runs cases of kind `module`: one neck or head by itself, its keys at the root, on maps made by a formula. */

// biome-ignore lint/suspicious/noExplicitAny: an mm dict, which the schemas of models/mm check
type Dict = any;
type Forward = (scope: Scope, inputs: readonly Value[]) => Named<Value>;

interface ModuleUnderTest {
  readonly forward: Forward;
  /** Positions of tensors of the case that are not outputs. */
  readonly taps?: Named<Position>;
}

const pooledSide = ({ roi_feat_size = 7 }: Dict): number =>
  Array.isArray(roi_feat_size) ? roi_feat_size[0] : roi_feat_size;

/** Returns a region configuration. The box head reads only the size from it. */
const regionOf = (side: number) => ({ size: side, samplingRatio: 0, aligned: true, finestScale: 56, strides: [4] });

function box(config: Dict): ModuleUnderTest {
  const { classes, box } = boxHeadFromMm(config);
  return {
    forward: (scope, [x]) => {
      const { scores, deltas } = boxHead(scope, x!, { ...box, region: regionOf(pooledSide(config)) }, classes);
      return { cls_score: scores, bbox_pred: deltas };
    },
  };
}

/** Gives a head the levels of its `in_index`. */
function onPyramid(head: SegmentationHead, levels: number | readonly number[]): Forward {
  const indices = typeof levels === 'number' ? [levels] : levels;
  return (scope, inputs) => {
    const pyramid: Value[] = [];
    indices.forEach((level, i) => {
      pyramid[level] = inputs[i]!;
    });
    return { logits: head.forward(scope, pyramid) };
  };
}

function segmentation(config: Dict): ModuleUnderTest {
  const { head, classes } = segmentationHeadFromMm(config);
  if (head.type === 'fcn_head') return { forward: onPyramid(fcnHead(head, classes), config.in_index) };
  if (head.type === 'semantic_fpn_head') {
    const stages = config.feature_strides.map((stride: number, i: number) => ({
      channels: config.in_channels[i],
      stride,
    }));
    return { forward: onPyramid(semanticFpnHead(head, classes, stages), config.in_index) };
  }
  const branches = head.poolScales.flatMap((_, i) => {
    const path = `psp_modules.${i}.1`;
    return [
      [`ppm${i}`, path],
      [
        `ppm${i}_up`,
        ({ nodes, taps }: Graph) => nodes.find(({ op, inputs }) => op === 'resize' && inputs[0] === taps[path])?.id,
      ],
    ] as const;
  });
  return {
    forward: onPyramid(uperHead(head, classes), config.in_index),
    taps: { ...Object.fromEntries(branches), psp: 'bottleneck' },
  };
}

const modules: Named<(config: Dict, inputs: readonly Shape[]) => ModuleUnderTest> = {
  FPN: (config, shapes) => {
    // strides only tell how coarse a level is; the case gives the sizes of the maps
    const neck = fpn(
      neckFromMm(config),
      shapes.map(([, channels = 0], i) => ({ channels, stride: 4 * 2 ** i })),
    );
    return { forward: (scope, pyramid) => named('p', neck.forward(scope, pyramid)) };
  },
  RPNHead: (config) => {
    const rpn = rpnConfig.parse(rpnHeadFromMm(config));
    return { forward: (scope, levels) => perLevel(rpnHead(scope, levels, rpn)) };
  },
  RetinaHead: (config) => {
    const { head, classes } = retinaHeadFromMm(config);
    const retina = retinaConfig.parse(head);
    return { forward: (scope, levels) => perLevel(retinaHead(scope, levels, retina, classes)) };
  },
  Shared2FCBBoxHead: box,
  Shared4Conv1FCBBoxHead: box,
  ConvFCBBoxHead: box,
  FCNMaskHead: (config) => {
    const mask = { ...maskHeadFromMm(config), region: regionOf(14) };
    return { forward: (scope, [x]) => ({ mask_logits: maskHead(scope, x!, mask, config.num_classes ?? 80) }) };
  },
  UPerHead: segmentation,
  FPNHead: segmentation,
  FCNHead: segmentation,
};

export const runModule: EngineRunner = async (golden, engine) => {
  const { config, weights, inputs: specs } = golden.json;
  const inputs: Record<string, NDArray> = {};
  for (const { name } of specs) inputs[name] = await inputOf(golden, name);
  const shapes = Object.values(inputs).map(({ shape }) => shape);
  const { forward, taps = {} } = byType(modules, config.type, 'module')(config, shapes);
  const part: Part = {
    name: config.type,
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, map(shape[1]!)])),
    forward: (scope, values) => forward(scope, Object.values(values)),
  };
  const expected = [...golden.tensors.values()].filter(({ role }) => role !== 'input');
  const positions = new Map(expected.map(({ name }) => [name, taps[name] ?? name]));
  await expectPart(golden, engine, { part, weights: weightsFor(weights.keys, weights), inputs }, positions);
};

const perLevel = (outputs: readonly LevelOutputs[]): Named<Value> =>
  Object.assign({}, ...outputs.map(({ scores, deltas }, i) => ({ [`cls${i}`]: scores, [`reg${i}`]: deltas })));

const named = <T>(prefix: string, list: readonly T[]): Named<T> =>
  Object.fromEntries(list.map((value, i) => [`${prefix}${i}`, value]));
