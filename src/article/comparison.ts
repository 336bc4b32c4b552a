import { entries, type ZooEntry } from '../../configs/index.ts';
import { sizeOf } from '../arrays.ts';
import { checkpointParameters, createModel } from '../models/create.ts';
import { totalCost } from '../nn/index.ts';
import { alignedColumns } from '../nn/summary.ts';
import { modelCost, publishedFlops } from '../zoo/counting.ts';

/** The MogaNet article's comparison (arXiv 2211.03295, figure 1 and its tables) over the models that are here. */

export interface Compared {
  readonly name: string;
  /** The backbone's. */
  readonly family: string;
  /** What it is compared in: models of one table were trained and rated alike. */
  readonly table: string;
  /** Of the network's input, in pixels: the counts and, for classifiers, the scores are for it. */
  readonly input: { readonly height: number; readonly width: number };
  /** Counted on our own graph, for every model by the same rule. */
  readonly parameters: number;
  /** Multiply-adds of convolutions, matrix products and attention; biases, norms and activations do not count. */
  readonly macs: number;
  /** Millions and billions, as the publisher states them. */
  readonly published: { readonly params?: number | undefined; readonly flops?: number | undefined };
  /** Its trunk saw ImageNet-22k first: not to be compared with those that did not. */
  readonly moreData: boolean;
  readonly scores: Readonly<Record<string, number>>;
  readonly source: string;
  /** Why the published FLOPs are not our multiply-adds, where they are not. */
  readonly reason?: string | undefined;
}

/** What the papers' rounding explains. */
const rounding = 0.006;

/** What a publisher's rule counts beside multiply-adds. */
const rules = {
  macs: undefined,
  'macs+biases': 'The publisher counts biases as well, one per output.',
  mmcv: 'The publisher counts with mmcv: biases, norms of the backbone, ReLU and pooling modules and the filling of windows as well.',
} as const;

/** Every published model with its counts, by table; inside one by family, the smallest first. */
export function comparison(of: readonly ZooEntry[] = entries): Compared[] {
  const rows = of.flatMap(comparedOf);
  const families = [...new Set(rows.map(({ family }) => family))];
  const place = ({ table, family }: Compared): number => 100 * tables.indexOf(table) + families.indexOf(family);
  return rows.sort((a, b) => place(a) - place(b) || a.macs - b.macs);
}

function comparedOf(entry: ZooEntry): Compared[] {
  const { name, config, published, weights } = entry;
  const table = tableOf(entry);
  if (!published || !table) return [];
  const definition = createModel(config);
  const input = published.input ?? (config.detection ? coco : ade20k);
  const rows = modelCost(definition, input);
  const trained = checkpointParameters(definition).filter(({ kind }) => kind === 'parameter');
  const { macs } = totalCost(rows);
  const { params, flops, scores = {}, source, note, rule = config.classification ? 'macs+biases' : 'mmcv' } = published;
  const equal = flops === undefined || (macs / 1e9).toFixed(decimals(flops)) === flops.toFixed(decimals(flops));
  const explained = flops !== undefined && Math.abs(publishedFlops(entry, rows) / 1e9 / flops - 1) <= rounding;
  return [
    {
      name,
      family: config.backbone.type,
      table,
      input,
      parameters: trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      macs,
      published: { params, flops },
      moreData: weights?.url?.includes('22k') ?? false,
      scores,
      source,
      reason: note ?? (equal ? undefined : ((explained ? rules[rule] : undefined) ?? 'Nobody has said why.')),
    },
  ];
}

/** How many a publisher states. */
const decimals = (value: number): number => `${value}`.split('.')[1]?.length ?? 0;

/** The sizes that papers count detectors and segmentors at. */
const coco = { height: 1280, width: 800 };
const ade20k = { height: 2048, width: 512 };

const tables = [
  'ImageNet-1k classification',
  'COCO, RetinaNet 1x',
  'COCO, Mask R-CNN 1x',
  'COCO, Mask R-CNN 3x',
  'COCO, Cascade Mask R-CNN 3x',
  'ADE20K, Semantic FPN 80k',
  'ADE20K, UPerNet 160k',
];

/** The table that an entry belongs to; the demo belongs to none. */
function tableOf({
  name,
  config: { detection: detector, segmentation: segmentor, classification: classifier },
  weights,
}: ZooEntry): string | undefined {
  if (weights?.shipped) return undefined;
  if (classifier) return tables[0];
  if (segmentor) return segmentor.head.type === 'uper_head' ? 'ADE20K, UPerNet 160k' : 'ADE20K, Semantic FPN 80k';
  const longer = name.includes('3x') ? '3x' : '1x';
  if (detector?.type === 'retinanet') return `COCO, RetinaNet ${longer}`;
  return detector && `COCO, ${detector.type === 'cascade_mask_rcnn' ? 'Cascade ' : ''}Mask R-CNN ${longer}`;
}

/** The comparison as text: a table for each task and schedule, then what its figures come from. */
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

/** Publishers state parameters to the unit or to the million; six digits are none of them. */
const stated = (value: number | undefined): string => (value === undefined ? '–' : `${Number(value.toPrecision(4))}`);
