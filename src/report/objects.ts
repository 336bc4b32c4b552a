import type { ClassFigures, ConfusionFigures, ObjectFigures } from '../evaluate/evaluation.ts';
import { classBars, curvesByClass, curvesByIou, errorsPlot, reliabilityPlot, scoresPlot, sizesPlot } from './charts.ts';
import { type Html, type HtmlValue, html, mostRows, nameHtml, nothing, type Section, table } from './html.ts';
import { matrixFigures } from './matrix.ts';
import { barCell, count, exists, noTruth, overlapName, percent, percentText } from './numbers.ts';
import type { Plotter } from './plots.ts';

/** The section of one of COCO's three measures: its figures, curves, classes, errors. */

const titles = { bbox: 'Boxes', segm: 'Masks', keypoints: 'Keypoints' } as const;
/** Returns the title of a measure, such as `Boxes`. */
export const objectTitle = (type: ObjectFigures['type']): string => titles[type];

const overlaps = {
  bbox: 'overlap of boxes (IoU)',
  segm: 'overlap of masks (IoU)',
  keypoints: 'similarity of keypoints (OKS)',
} as const;

/** Says what one of COCO's figures means, from its name. */
export function meaningOf(
  name: string,
  { iouThresholds, type }: Pick<ObjectFigures, 'iouThresholds' | 'type'>,
): string {
  const measure = overlapName(type);
  const range = `${measure} ${rangeOf(iouThresholds)}`;
  const size = /(small|medium|large)/.exec(name)?.[1];
  const sizes: Readonly<Record<string, string>> = {
    small: ', under 32² pixels',
    medium: ', 32² to 96² pixels',
    large: ', over 96² pixels',
  };
  const objects = size === undefined ? '' : `${sizes[size]}`;
  const [, kind, digits] = /^(AP|AR)\D*(\d+)?/.exec(name) ?? [];
  if (kind === 'AP')
    return digits === undefined ? `${range}${objects}` : `${measure} 0.${digits.padStart(2, '0')}${objects}`;
  if (kind === 'AR' && type === 'keypoints')
    return digits === undefined ? `recall, ${range}${objects}` : `recall, ${measure} 0.${digits}${objects}`;
  if (kind === 'AR')
    return digits === undefined ? `recall, ${range}${objects}` : `recall with at most ${digits} an image`;
  return range;
}

function rangeOf(thresholds: readonly number[]): string {
  const [first = 0, last = first] = [thresholds[0], thresholds.at(-1)];
  return thresholds.length < 2 ? first.toFixed(2) : `${first.toFixed(2)} to ${last.toFixed(2)}`;
}

function statsTable(figures: ObjectFigures): Html {
  const missing = figures.stats.some((value) => !exists(value));
  return table(
    html`COCO's figures <small>Per cent. AP is the mean of the precision over recall and classes.${missing && html` A dash: ${noTruth}.`}</small>`,
    [{ head: 'figure' }, { head: 'what it is' }, { head: 'value', numeric: true }],
    figures.stats.map((value, i) => {
      const name = figures.statNames[i] ?? `figure ${i + 1}`;
      return [name, html`<span class="small">${meaningOf(name, figures)}</span>`, barCell(value, noTruth)];
    }),
  );
}

function classTable({ perClass, type }: ObjectFigures): Html {
  const shown = perClass.slice(0, mostRows);
  const cut = shown.length < perClass.length ? ` The first ${count(mostRows)} of ${count(perClass.length)}.` : '';
  const missing = shown.some(
    (one) => !(exists(one.ap) && exists(one.small) && exists(one.medium) && exists(one.large)),
  );
  const all: readonly (readonly [string, (one: ClassFigures) => HtmlValue])[] = [
    ['objects', (one) => count(one.truths)],
    [type === 'keypoints' ? 'results' : 'detections', (one) => count(one.detections)],
    ['AP', (one) => barCell(one.ap, noTruth)],
    ['AP50', (one) => percent(one.ap50, 'no object, or the threshold was not measured')],
    ['AP75', (one) => percent(one.ap75, 'no object, or the threshold was not measured')],
    ['small', (one) => percent(one.small, noTruth)],
    ['medium', (one) => percent(one.medium, noTruth)],
    ['large', (one) => percent(one.large, noTruth)],
    ['recall', (one) => percent(one.ar, noTruth)],
  ];
  // keypoints have no small ones
  const columns = type === 'keypoints' ? all.filter(([head]) => head !== 'small') : all;
  const rows = shown.map((one) => [nameHtml(one.name, 40), ...columns.map(([, cell]) => cell(one))]);
  return table(
    html`Classes <small>Per cent; small, medium and large are AP by size.${cut}${missing && html` A dash: ${noTruth}.`}</small>`,
    [{ head: 'class' }, ...columns.map(([head]) => ({ head, numeric: true }))],
    rows,
  );
}

/** The mean similarity of each keypoint, the worst first. */
function keypointTable(perKeypoint: NonNullable<ObjectFigures['perKeypoint']>): Html {
  const sorted = [...perKeypoint].sort((a, b) => a.similarity - b.similarity);
  return table(
    html`Keypoints <small>Per cent: the mean of what each adds to OKS in the objects that are found at OKS 0.50, the worst first.</small>`,
    [{ head: 'keypoint' }, { head: 'labelled', numeric: true }, { head: 'similarity', numeric: true }],
    sorted.map(({ name, labelled, similarity }) => [
      nameHtml(name, 40),
      count(labelled),
      barCell(similarity, 'labelled in no object that is found'),
    ]),
  );
}

/** Sums up in a sentence what a reader sees in the plots. */
function summary({ stats, errors, confusion }: ObjectFigures): HtmlValue {
  const [ap = -1] = stats;
  if (!exists(ap)) return 'Nothing could be measured: no class has both a truth and a result.';
  if (!errors) return undefined;
  const costly = Object.entries({
    'wrong classes': errors.gain.cls,
    'poorly placed detections': errors.gain.loc,
    'detections of the wrong class in a poor place': errors.gain.both,
    duplicates: errors.gain.dupe,
    'detections of background': errors.gain.bkg,
    'missed objects': errors.gain.miss,
  }).sort((a, b) => b[1] - a[1])[0];
  if (!costly || costly[1] <= 0) return undefined;
  const most = confusion && missedShare(confusion);
  return html`Of all errors, ${costly[0]} cost most: ${percentText(costly[1])} points of AP at IoU ${errors.foreground.toFixed(2)}.${most}`;
}

/** Says how many objects no detection takes at the scores of the confusion matrix. */
function missedShare({ matrix, classes, score }: ConfusionFigures): HtmlValue {
  const rows = matrix.slice(0, classes.length);
  const total = rows.reduce((sum, row) => sum + row.reduce((a, b) => a + b, 0), 0);
  const missed = rows.reduce((sum, row) => sum + (row[classes.length] ?? 0), 0);
  return (
    total > 0 &&
    ` At scores from ${percentText(score, 0)} %, ${percentText(missed / total, 0)} % of the objects are not found.`
  );
}

/** Writes the section of boxes, masks or keypoints. */
export function objectSection(figures: ObjectFigures, plotter: Plotter): Section {
  const { type, perClass, errors, calibration, confusion, perKeypoint } = figures;
  const bars = classBars(
    plotter,
    perClass.map(({ name, ap, ap50 }) => ({ name, value: ap, dot: ap50 })),
    { caption: 'AP by class', alt: 'Average precision by class.', value: 'AP', dot: 'AP50' },
  );
  const plots = [
    curvesByClass(plotter, figures),
    bars,
    sizesPlot(plotter, figures),
    errors && errorsPlot(plotter, errors),
    calibration && reliabilityPlot(plotter, calibration, overlapName(type)),
    calibration && scoresPlot(plotter, calibration, overlapName(type)),
  ];
  return {
    id: type,
    title: titles[type],
    lead: html`By ${overlaps[type]}, as COCO measures it, with up to ${figures.maxDetections.at(-1)} an image and class. ${summary(figures)}`,
    body: html`<div class="duo">${statsTable(figures)}${curvesByIou(plotter, figures)}</div>
<div class="grid">${plots}</div>
${confusion && confusionFigures(confusion, plotter)}
${perClass.length > 12 ? html`<details><summary>Table of the ${count(perClass.length)} classes</summary>${classTable(figures)}</details>` : classTable(figures)}
${perKeypoint && keypointTable(perKeypoint)}
${calibration && calibrationTable(calibration.perClass)}`,
  };
}

function confusionFigures({ matrix, classes, iou, score }: ConfusionFigures, plotter: Plotter): Html {
  return matrixFigures(plotter, {
    cells: matrix,
    names: [...classes, 'background'],
    background: classes.length,
    caption: 'Confusion of classes',
    note: `Detections with a score from ${percentText(score, 0)} % at IoU ${iou.toFixed(2)}; the background's column has the missed objects, its row the false alarms.`,
    unit: 'objects',
  });
}

function calibrationTable(
  perClass: readonly { readonly name: string; readonly ece: number; readonly count: number }[],
): Html {
  const filled = perClass.filter((one) => one.count > 0).sort((a, b) => b.ece - a.ece);
  if (filled.length < 2) return nothing;
  const shown = filled.slice(0, mostRows);
  return html`<details><summary>Calibration by class</summary>${table(
    html`Calibration by class <small>Expected error of the scores, per cent; the largest first.</small>`,
    [{ head: 'class' }, { head: 'ECE', numeric: true }, { head: 'detections', numeric: true }],
    shown.map((one) => [nameHtml(one.name, 40), percent(one.ece, 'no detection'), count(one.count)]),
  )}</details>`;
}
