import type { NDArray, Shape } from '../arrays.ts';
import { datasetOf, numberedClasses } from '../datasets/index.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import type { ModelConfig, ResolvedConfig } from '../models/config.ts';
import type { ModelDefinition } from '../models/create.ts';
import { renamed, type TensorTransform } from './layouts.ts';

/**
 * Heads whose classes are in another order, or have no names. torchvision, Detectron and maskrcnn-benchmark give the background the first
 * output of a classifier, mmdet and Detectron2 the last: the rows of such weights are put into mmdet's order when they are read, so that
 * nothing after it knows of another order.
 */

type Entries = ReadonlyMap<string, TensorEntry>;
type Detection = NonNullable<ModelConfig['detection']>;

const isFirst = (detection: Detection | undefined): boolean =>
  detection !== undefined && 'background' in detection && detection.background === 'first';

/** Puts the background's rows of a detector's classifiers last, and drops its boxes and masks, if the configuration says that it is first. */
export function withBackgroundLast({ detection }: ModelConfig, entries: Entries): Entries {
  if (!detection || detection.type === 'retinanet' || detection.background !== 'first') return entries;
  const classes = datasetOf(detection).classes.length;
  // a head that does not tell classes apart may still have one for the background
  const [box] = [detection.box].flat();
  const boxes = box?.classAgnostic ? 1 : classes;
  const masks = detection.mask?.classAgnostic ? 1 : classes;
  return renamed(
    entries,
    [],
    [
      moved(/(^|\.)bbox_head\.(\d+\.)?fc_cls\.(weight|bias)$/, classes + 1),
      dropped(/(^|\.)bbox_head\.(\d+\.)?fc_reg\.(weight|bias)$/, 4, 4 * (boxes + 1)),
      dropped(/(^|\.)mask_head\.(\d+\.)?conv_logits\.(weight|bias)$/, 1, masks + 1),
    ],
  );
}

/** Returns a configuration for weights that `withBackgroundLast` has changed. */
export function asBackgroundLast(config: ResolvedConfig): ResolvedConfig {
  const { detection } = config;
  if (!detection || !isFirst(detection)) return config;
  return { ...config, detection: { ...detection, background: undefined } as ResolvedConfig['detection'] };
}

/** Moves the first row behind the last of a tensor that has so many. Another one is left to the check of shapes. */
const moved = (pattern: RegExp, rows: number): TensorTransform => ({
  pattern,
  shape: (from) => from,
  data: (array) => {
    if (array.shape[0] !== rows) return array;
    const row = array.data.length / rows;
    const data = new Float32Array(array.data.length);
    data.set(array.data.subarray(row));
    data.set(array.data.subarray(0, row), array.data.length - row);
    return { shape: array.shape, data };
  },
});

/** Drops the first `count` rows, which are the background's, of a tensor that has `rows`. mmdet has none. Another one is left to the check of shapes. */
const dropped = (pattern: RegExp, count: number, rows: number): TensorTransform => {
  const rest = (from: Shape): Shape => (from[0] === rows ? [rows - count, ...from.slice(1)] : from);
  return {
    pattern,
    shape: rest,
    data: ({ shape, data }: NDArray) => ({
      shape: rest(shape),
      data: shape[0] === rows ? data.slice((data.length / rows) * count) : data,
    }),
  };
};

/** Keys that only these publishers' detectors have, and how their names begin. */
const publishers = [
  {
    name: 'torchvision',
    has: /^roi_heads\.box_predictor\.cls_score\.weight$/,
    besides: /^backbone\.body\./,
    first: true,
  },
  {
    name: 'Detectron2',
    has: /^roi_heads\.box_predictor\.cls_score\.weight$/,
    besides: /^backbone\.bottom_up\./,
    first: false,
  },
  { name: 'maskrcnn-benchmark', has: /(^|\.)roi_heads\.box\.predictor\.cls_score\.weight$/, besides: /./, first: true },
] as const;

/** Names the publisher of a two-stage detector whose key layout is not known, and what to do. Undefined for other keys. */
export function publisherHint(keys: readonly string[]): string | undefined {
  const found = publishers.find((one) => [one.has, one.besides].every((part) => keys.some((key) => part.test(key))));
  if (!found) return undefined;
  const order = found.first ? " and set detection.background to 'first'" : '';
  return `These are keys of a detector of ${found.name}, whose key layout is not known: rename them to those of mmdet (backbone, neck, rpn_head, roi_head)${order}.`;
}

/** The last convolution of a pose model, which has a row for each heatmap. */
const lastOfPose = 'keypoint_head.final_layer.weight';

/** Says what to do if a pose model has another number of heatmaps than the file. Undefined for other models, and if there are as many. */
export function keypointsHint(
  found: ReadonlyMap<string, { readonly shape: Shape }>,
  parameters: readonly { readonly key: string; readonly shape: Shape }[],
): string | undefined {
  const has = found.get(lastOfPose)?.shape[0];
  const wanted = parameters.find(({ key }) => key === lastOfPose)?.shape[0];
  if (has === undefined || wanted === undefined || has === wanted) return undefined;
  return (
    `The head of the file gives ${has} heatmaps, that of the model ${wanted}. Say what keypoints they are: ` +
    `{ configure: (config) => ({ ...config, pose: { ...config.pose, dataset: undefined, keypoints: { names: [/* ${has} names */] } } }) }, ` +
    'or write them into a configuration, with its `skeleton`, `flipPairs` and `sigmas`.'
  );
}

/** How many names a notice lists. */
const listedNames = 5;

/**
 * Says which names the classes of a model get if nobody can know that they are right: names that are numbers only, and a classifier whose
 * outputs are in another order. An error by one place is seen at once.
 */
export function classNotices({ config, tasks }: ModelDefinition): string[] {
  return tasks.flatMap(({ kind, dataset }) => {
    if (!dataset) return [];
    const { classes } = dataset;
    const foreign = kind === 'detection' && isFirst(config.detection);
    const numbered = numberedClasses(classes.length).every((name, i) => name === classes[i]);
    if (!foreign && !numbered) return [];
    const first = foreign ? 1 : 0;
    const names = classes.slice(0, listedNames).map((name, i) => `${i + first} ${JSON.stringify(name)}`);
    const last = classes.length - 1;
    if (last >= listedNames)
      names.push(...(last > listedNames ? ['…'] : []), `${last + first} ${JSON.stringify(classes[last])}`);
    const order = foreign ? `Output 0 of the classifier is the background (${kind}.background). ` : '';
    const unknown = numbered ? ` The names are not known: list them as ${kind}.classes.` : '';
    return [`${order}The outputs of ${kind} are ${names.join(', ')}.${unknown}`];
  });
}
