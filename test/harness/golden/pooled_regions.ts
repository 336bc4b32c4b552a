import type { Named, NDArray } from '../../../src/arrays.ts';
import { regionsFromMm } from '../../../src/models/mm/detection.ts';
import { byName } from '../../../src/models/task.ts';
import { F, map, type Part, recordPart, regions, type Value } from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { sortByLevel, toBoxOrder } from '../../../src/postprocess/roi_align.ts';
import { expectTensor, type GoldenCase, inputOf } from '../golden.ts';
import { perImage } from './loaded_model.ts';
import { type EngineRunner, runGraph } from './run_graph.ts';

/**
 * Runs cases of kind `roi_align` as a graph operation: variants on one map, or an extractor that picks each region's
 * level.
 */
export const runRoiAlign: EngineRunner = (golden, engine) =>
  golden.json.variants ? runVariants(golden, engine) : runExtractor(golden, engine);

const runVariants: EngineRunner = async (golden, engine) => {
  const { variants, output_size, spatial_scale, inputs } = golden.json;
  const x = await inputOf(golden, inputs[0].name);
  const [, channels = 0] = x.shape;
  const [height, width] = output_size;
  for (const { tensor, sampling_ratio, aligned } of variants) {
    const options = {
      outputSize: { height, width },
      spatialScale: spatial_scale,
      samplingRatio: sampling_ratio,
      aligned,
    };
    const graph = recordPart({
      name: tensor,
      inputs: { x: map(channels), rois: regions },
      forward: (_, values) => ({ [tensor]: F.roiAlign(byName(values, 'x'), byName(values, 'rois'), options) }),
    });
    const outputs = await runGraph(engine, graph, new Map(), { x, rois: await roisOf(golden) }, passes);
    await expectTensor(golden, tensor, byName(outputs, tensor));
  }
};

const runExtractor: EngineRunner = async (golden, engine) => {
  const { config, finest_scale, inputs } = golden.json;
  const region = regionsFromMm({ ...config, finest_scale: config.finest_scale ?? finest_scale });
  const maps = await Promise.all(region.strides.map((_, i) => inputOf(golden, inputs[i].name)));
  const level = (values: Named<Value>, stride: number, i: number) =>
    F.roiAlign(byName(values, `fpn${i}`), byName(values, `rois${i}`), {
      outputSize: { height: region.size, width: region.size },
      spatialScale: 1 / stride,
      samplingRatio: region.samplingRatio,
      aligned: region.aligned,
    });
  const part: Part = {
    name: 'extractor',
    inputs: Object.assign(
      {},
      ...maps.map(({ shape: [, channels = 0] }, i) => ({ [`fpn${i}`]: map(channels), [`rois${i}`]: regions })),
    ),
    forward: (_, values) => ({
      out: F.concat(
        region.strides.map((stride, i) => level(values, stride, i)),
        'batch',
      ),
    }),
  };
  const graph = recordPart(part);
  const pooled = await perImage(await roisOf(golden), async (boxes, image) => {
    const sorted = sortByLevel(boxes, { finestScale: region.finestScale, levels: maps.length }, image);
    const given = Object.assign(
      {},
      ...maps.map((values, i) => ({ [`fpn${i}`]: values, [`rois${i}`]: sorted.regions[i] })),
    );
    const out = byName(await runGraph(engine, graph, new Map(), given, passes), 'out');
    return { out: toBoxOrder(out, sorted.order) };
  });
  await expectTensor(golden, 'out', byName(pooled, 'out'));
};

const roisOf = async (golden: GoldenCase): Promise<NDArray> => (await golden.stored('rois')) as NDArray;
