import { type CountingRule, countedAt, entries, type ZooEntry } from '../../configs/index.ts';
import { type Size, sizeOf } from '../arrays.ts';
import { datasetOf, imageNet22k, poseDatasetOf } from '../datasets/index.ts';
import { checkpointParameters, createModel } from '../models/create.ts';
import { type CostRow, totalCost } from '../nn/index.ts';
import { alignedColumns } from '../nn/summary.ts';
import { mmcvFlops, mmposeFlops, modelCost, paperMacs } from '../zoo/counting.ts';

/** The comparison of the MogaNet article (arXiv 2211.03295, figure 1 and its tables) over the models of this package. */

export interface Compared {
  readonly name: string;
  /** The type of the backbone. */
  readonly family: string;
  /** The table of the comparison: models of one table were trained and rated alike. */
  readonly table: string;
  /** Size of the network's input in pixels, for the counts and, for classifiers, the scores. */
  readonly input: Size;
  /** Counted on the recorded graph, for every model by the same rule. */
  readonly parameters: number;
  /** Multiply-adds of convolutions, matrix products and attention, without biases, norms and activations. */
  readonly macs: number;
  /** Millions and billions, as the publisher states them. */
  readonly published: { readonly params?: number | undefined; readonly flops?: number | undefined };
  /** The backbone saw ImageNet-22k first: not to be compared with those that did not. */
  readonly moreData: boolean;
  readonly scores: Readonly<Record<string, number>>;
  readonly source: string;
  /** Why the published FLOPs differ from our multiply-adds. */
  readonly reason?: string | undefined;
}

/** The difference that the rounding in papers explains. */
const rounding = 0.006;

/** What a publisher's rule counts beside multiply-adds. */
const rules: Readonly<Record<CountingRule, string | undefined>> = {
  macs: undefined,
  'macs+biases': 'The publisher counts biases as well, one per output.',
  mmcv: 'The publisher counts with mmcv: biases, norms of the backbone, ReLU and pooling modules and the padding of windows as well.',
  mmpose:
    'The publisher counts with mmpose: biases, norms, ReLU and the padding of windows as well, but no products of attention.',
};

const counters: Readonly<Record<CountingRule, (rows: readonly CostRow[], backbone: string) => number>> = {
  macs: (rows) => totalCost(rows).macs,
  'macs+biases': paperMacs,
  mmcv: mmcvFlops,
  mmpose: mmposeFlops,
};

/** The rule by which an entry's published FLOPs were counted. */
const ruleOf = ({ config, published }: ZooEntry): CountingRule =>
  published?.rule ?? (config.classification ? 'macs+biases' : config.pose ? 'mmpose' : 'mmcv');

/** Counts the FLOPs that an entry's publisher would state. */
export const publishedFlops = (entry: ZooEntry, rows: readonly CostRow[]): number =>
  counters[ruleOf(entry)](rows, entry.config.backbone.type);

/** Returns every published model with its counts, by table; inside one by family, the smallest first. */
export function comparison(of: readonly ZooEntry[] = entries): Compared[] {
  const rows = of.flatMap(comparedOf);
  const families = [...new Set(rows.map(({ family }) => family))];
  const place = ({ table, family }: Compared): number => 100 * tables.indexOf(table) + families.indexOf(family);
  return rows.sort((a, b) => place(a) - place(b) || a.macs - b.macs);
}

function comparedOf(entry: ZooEntry): Compared[] {
  const { name, config, published, trainedOn = [] } = entry;
  const table = tableOf(entry);
  if (!published || !table) return [];
  const definition = createModel(config);
  const input = published.input ?? countedAt[config.detection ? 'detection' : 'segmentation'];
  const rows = modelCost(definition, input);
  const trained = checkpointParameters(definition).filter(({ kind }) => kind === 'parameter');
  const { macs } = totalCost(rows);
  const { params, flops, scores = {}, source, note } = published;
  const equal = flops === undefined || (macs / 1e9).toFixed(decimals(flops)) === flops.toFixed(decimals(flops));
  const explained =
    flops !== undefined && isRounded(publishedFlops(entry, rows) / 1e9, flops, config.pose !== undefined);
  return [
    {
      name,
      family: config.backbone.type,
      table,
      input,
      parameters: trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      macs,
      published: { params, flops },
      moreData: trainedOn.includes(imageNet22k),
      scores,
      source,
      reason: note ?? (equal ? undefined : ((explained ? rules[ruleOf(entry)] : undefined) ?? 'Nobody has said why.')),
    },
  ];
}

/** Tells if rounding explains a difference. The table of poses has one decimal, cut or rounded up. */
const isRounded = (counted: number, stated: number, isCut: boolean): boolean =>
  Math.abs(counted / stated - 1) <= rounding || (isCut && Math.abs(counted - stated) < 0.1);

/** The number of decimals that a publisher states. */
const decimals = (value: number): number => `${value}`.split('.')[1]?.length ?? 0;

const imageNetTable = 'ImageNet-1k classification';

/** The tables in their order. */
const tables = [
  imageNetTable,
  'COCO, RetinaNet 1x',
  'COCO, Mask R-CNN 1x',
  'COCO, Mask R-CNN 3x',
  'COCO, Cascade Mask R-CNN 3x',
  'ADE20K, Semantic FPN 80k',
  'ADE20K, UPerNet 160k',
  'COCO keypoints, 256×192',
  'COCO keypoints, 384×288',
];

/** The names of detectors and of segmentation heads in papers. */
const methods = {
  retinanet: 'RetinaNet',
  mask_rcnn: 'Mask R-CNN',
  cascade_mask_rcnn: 'Cascade Mask R-CNN',
  semantic_fpn_head: 'Semantic FPN',
  uper_head: 'UPerNet',
  fcn_head: 'FCN',
} as const;

/** Returns the table of an entry: its data set, method and schedule, or the size of its crops. The demo has none. */
function tableOf({
  config: { detection, segmentation, classification, pose },
  schedule,
  weights,
  published,
}: ZooEntry) {
  if (weights?.shipped) return undefined;
  if (classification) return imageNetTable;
  if (pose)
    return published?.input && `${poseDatasetOf(pose).title}, ${published.input.height}×${published.input.width}`;
  const [task, method] = detection ? [detection, detection.type] : [segmentation, segmentation?.head.type];
  return task && method && `${datasetOf(task).title}, ${methods[method]} ${schedule}`;
}

/** Prints the comparison: a table for each task and schedule, then the sources of its figures. */
export function comparisonText(rows: readonly Compared[]): string {
  const sources = footnotes(rows.map(({ source }) => source));
  const reasons = footnotes(rows.flatMap(({ reason }) => reason ?? []));
  const lines: string[] = [];
  for (const table of new Set(rows.map((row) => row.table))) {
    const shown = rows.filter((row) => row.table === table);
    const metrics = [...new Set(shown.flatMap(({ scores }) => Object.keys(scores)))];
    const cells = shown.map((row) => [
      `${row.name}${row.moreData ? ' *' : ''}`,
      `${row.input.height}×${row.input.width}`,
      (row.parameters / 1e6).toFixed(2),
      stated(row.published.params),
      (row.macs / 1e9).toFixed(2),
      stated(row.published.flops),
      ...metrics.map((metric) => stated(row.scores[metric])),
      `[${sources.get(row.source)}]`,
      row.reason === undefined ? '' : `(${reasons.get(row.reason)})`,
    ]);
    const head = ['', 'input', 'M parameters', 'published', 'G multiply-adds', 'published', ...metrics, '', ''];
    lines.push(table, ...alignedColumns([head, ...cells]).map((line) => `  ${line}`), '');
  }
  lines.push(
    'M parameters and G multiply-adds are counted here, by one rule for all: products of convolutions, linear layers and',
    'attention, one per pair of factors. Published figures and scores are their publishers’:',
    ...[...sources].map(([source, number]) => `  [${number}] ${source}`),
    ...[...reasons].map(([reason, number]) => `  (${number}) ${reason}`),
    ...(rows.some(({ moreData }) => moreData) ? ['  * Trained on ImageNet-22k first.'] : []),
  );
  return lines.join('\n');
}

/** Numbers from 1, each text once. */
const footnotes = (texts: readonly string[]): Map<string, number> =>
  new Map([...new Set(texts)].map((text, i) => [text, i + 1]));

/** Some publishers state parameters to the unit: four digits are enough in a table. */
const stated = (value: number | undefined): string => (value === undefined ? '–' : `${Number(value.toPrecision(4))}`);
