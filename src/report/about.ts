import { fileNameOf, normalPath } from '../data/paths.ts';
import type { DataFacts, ModelFacts, ResultsFacts } from '../evaluate/evaluation.ts';
import { facts, type Html, html, nameHtml, type Section } from './html.ts';
import { count, counted, none } from './numbers.ts';

/** How the figures of a report came about: data, model, run, and what the figures are. */

export interface ReportOptions {
  /** By default it names the model, or the file of results, and the data. */
  readonly title?: string | undefined;
  /** The command that made the evaluation, so that it can be made again. */
  readonly command?: string | undefined;
  /** The version of this package. */
  readonly version?: string | undefined;
  readonly date?: Date | undefined;
  /** The most images that are shown, each at most 640 pixels long, about 80 kB in the file. Default 24. */
  readonly maxImages?: number | undefined;
}

/** How many images a report shows by default. */
export const defaultImages = 24;

/** The title of a page: what was measured on the folder or file of the data. */
export const titleOf = (subject: string, { name }: DataFacts): string => `${baseName(subject)} on ${baseName(name)}`;

/** Returns the last part of a path. */
export const baseName = (path: string): string => fileNameOf(normalPath(path)) || path;

/** Writes the section that says how the figures came about, so that they can be made again. */
export function aboutSection(
  {
    data,
    model,
    results,
  }: { readonly data: DataFacts; readonly model?: ModelFacts | undefined; readonly results?: ResultsFacts | undefined },
  { version, date, command }: ReportOptions,
): Section {
  const classes = data.classes.length > 0 ? classList(data.classes) : undefined;
  const set = facts([
    ['Data set', nameHtml(data.name)],
    ['Format', data.format],
    ['Split', data.split === undefined ? undefined : nameHtml(data.split, 30)],
    ['Labels', data.kinds.join(', ')],
    ['Images', data.evaluated === data.count ? count(data.count) : `${count(data.evaluated)} of ${count(data.count)}`],
    ['Limit', data.limit === undefined ? undefined : `the first ${counted(data.limit, 'image')}`],
    ['Classes', classes],
    ['Classes of label maps', data.labelClasses && classList(data.labelClasses)],
    ['Keypoints', data.keypoints && classList(data.keypoints.names)],
  ]);
  const run = facts([
    [
      'Date',
      date &&
        html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`,
    ],
    ['Package', version === undefined ? undefined : `moganet ${version}`],
    ['Command', command === undefined ? undefined : html`<code>${nameHtml(command, 1000)}</code>`],
  ]);
  return {
    id: 'about',
    title: 'How it was measured',
    body: html`<div class="card stack"><h3>Data</h3>${set}</div>
${model && html`<div class="card stack"><h3>Model</h3>${modelFacts(model)}</div>`}
${
  results &&
  html`<div class="card stack"><h3>Results</h3>${facts([
    ['File', nameHtml(results.name)],
    ['Entries', count(results.entries)],
  ])}</div>`
}
<div class="card stack"><h3>Run</h3>${run}</div>
<div class="card stack"><h3>How to read this</h3><div class="guide">${guide}</div></div>`,
  };
}

const classList = (names: readonly string[]): Html =>
  names.length <= 12
    ? html`${names.map((name, i) => html`${i > 0 && ', '}${nameHtml(name, 30)}`)}`
    : html`<details><summary>${count(names.length)}</summary>${names.slice(0, 2000).map((name, i) => html`${i > 0 && ', '}${nameHtml(name, 30)}`)}</details>`;

function modelFacts({
  name,
  sha256,
  engine,
  detail,
  classes,
  detectionScale,
  segmentationScale,
  poseScale,
  boxes,
  options,
}: ModelFacts): Html {
  const scale = (edges: readonly number[] | undefined) => edges?.join(' × ');
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  return facts([
    ['Name', nameHtml(name)],
    [
      'SHA-256 of the weights',
      sha256 === undefined
        ? none('the weights are no single file, or crypto.subtle is missing')
        : html`<code>${sha256}</code>`,
    ],
    ['Engine', detail === '' ? engine : `${engine}, ${detail}`],
    ['Size for detection', scale(detectionScale)],
    ['Size for segmentation', scale(segmentationScale)],
    ['Size of the crops of poses', scale(poseScale)],
    ['Boxes of the poses', boxes === undefined ? undefined : nameHtml(boxes)],
    ...Object.entries(classes).map(([task, names]) => [`Classes of ${task}`, classList(names)] as const),
    [
      'Options',
      set.length === 0
        ? undefined
        : html`<code>${nameHtml(set.map(([key, value]) => `${key}: ${JSON.stringify(value)}`).join(', '), 400)}</code>`,
    ],
  ]);
}

const guide: Html = facts([
  [
    'AP',
    'Average precision: the area under the curve of precision over recall, mean over the classes, and over the thresholds of IoU if none is named.',
  ],
  ['AR', 'Average recall: the largest share of objects found, mean over classes and thresholds.'],
  [
    'OKS',
    "Object keypoint similarity, the IoU of poses: how near the labelled keypoints are, by the size of the object and each keypoint's sigma.",
  ],
  ['IoU', 'Intersection over union: the area that truth and detection share, by the area that either covers.'],
  [
    'Hit, false alarm, missed',
    'A detection that takes an object of its class; one that takes none; an object that no detection takes. Ignored objects (crowds) are neither.',
  ],
  [
    'Error types',
    'TIDE (arXiv 2008.08115): wrong class, poor place, both, duplicate of a found object, background, missed object. Fixing one type at a time gives the gain.',
  ],
  ['ECE', 'Expected calibration error: how far the scores are from the share of right detections.'],
  ['mIoU', 'IoU of each class over all pixels of the data set, mean over the classes.'],
  ['–', 'There is nothing to measure: no object of this kind, or 0 / 0. Point at it for the reason.'],
]);
