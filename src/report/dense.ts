import type { ClassificationFigures, LabelMapFigures } from '../evaluate/evaluation.ts';
import { classBars } from './charts.ts';
import { type Html, type HtmlValue, html, mostRows, nameHtml, type Section, table } from './html.ts';
import { type Matrix, matrixFigures } from './matrix.ts';
import { barCell, count, exists, percent, percentText } from './numbers.ts';
import type { Plotter } from './plots.ts';

/** The sections of label maps and of classes of whole images. */

const neither = 'this class neither occurs nor is predicted';
const zero = '0 / 0: nothing to divide by';

/** A column of a table of classes: its heading and its cells. */
interface ClassColumn<T> {
  readonly head: string;
  readonly cell: (one: T) => HtmlValue;
}

/** A longer table is closed at first. */
const mostOpen = 24;

function classTable<T extends { readonly name: string }>(
  note: HtmlValue,
  perClass: readonly T[],
  columns: readonly ClassColumn<T>[],
): Html {
  const cut = perClass.length > mostRows ? ` The first ${count(mostRows)} of ${count(perClass.length)}.` : '';
  const rows = perClass
    .slice(0, mostRows)
    .map((one) => [nameHtml(one.name, 40), ...columns.map(({ cell }) => cell(one))]);
  const made = table(
    html`Classes <small>Per cent.${note}${cut}</small>`,
    [{ head: 'class' }, ...columns.map(({ head }) => ({ head, numeric: true }))],
    rows,
  );
  if (perClass.length <= mostOpen) return made;
  return html`<details><summary>Table of the ${count(perClass.length)} classes</summary>${made}</details>`;
}

/** A figure of the whole data set; one that is undefined was not measured and is left out. */
type Mean = readonly [name: string, what: string, value: number | undefined];

const meansTable = (means: readonly Mean[], reason: string): Html =>
  table(
    html`Figures <small>Per cent.</small>`,
    [{ head: 'figure' }, { head: 'what it is' }, { head: 'value', numeric: true }],
    means
      .filter(([, , value]) => value !== undefined)
      .map(([name, what, value]) => [name, html`<span class="small">${what}</span>`, barCell(value, reason)]),
  );

const confusion = (
  plotter: Plotter,
  cells: Matrix['cells'] | undefined,
  perClass: readonly { readonly name: string }[],
  unit: 'pixels' | 'images',
): Html | undefined =>
  cells &&
  matrixFigures(plotter, {
    cells,
    names: perClass.map(({ name }) => name),
    caption: `Confusion of ${unit === 'pixels' ? 'pixels' : 'classes'}`,
    note: '',
    unit,
  });

/** Writes the section of label maps. */
export function labelMapSection(figures: LabelMapFigures, plotter: Plotter): Section {
  const { miou, macc, aacc, mdice, boundary, perClass, matrix } = figures;
  const total = perClass.reduce((sum, { pixels }) => sum + pixels, 0);
  const columns: ClassColumn<(typeof perClass)[number]>[] = [
    { head: 'share of pixels', cell: ({ pixels }) => percentText(total > 0 ? pixels / total : 0) },
    { head: 'IoU', cell: ({ iou }) => barCell(iou, neither) },
    { head: 'accuracy', cell: ({ accuracy }) => percent(accuracy, zero) },
    { head: 'precision', cell: ({ precision }) => percent(precision, zero) },
    { head: 'Dice', cell: ({ dice }) => percent(dice, neither) },
  ];
  if (perClass.some((one) => one.boundary !== undefined)) {
    columns.push({ head: 'boundary', cell: (one) => percent(one.boundary, neither) });
  }
  const worst = perClass.filter(({ iou }) => exists(iou)).sort((a, b) => a.iou - b.iou)[0];
  const missing = perClass.some(({ iou, precision }) => !exists(iou) || !exists(precision));
  return {
    id: 'semseg',
    title: 'Label maps',
    lead: html`Every labelled pixel of the truth against the prediction; areas are added over the images before they are divided.${worst && html` The weakest class is ${nameHtml(worst.name, 30)} with an IoU of ${percentText(worst.iou)} %.`}`,
    body: html`<div class="duo">${meansTable(
      [
        ['mIoU', 'intersection over union, mean over the classes', miou],
        ['mAcc', 'share of right pixels of a class, mean over the classes', macc],
        ['aAcc', 'share of right pixels', aacc],
        ['mDice', 'Dice coefficient, mean over the classes', mdice],
        ['boundary IoU', 'IoU of the outlines, mean over the classes', boundary],
      ],
      'nothing is labelled',
    )}${classBars(
      plotter,
      perClass.map(({ name, iou, accuracy }) => ({ name, value: iou, dot: accuracy })),
      { caption: 'IoU by class', alt: 'Intersection over union by class.', value: 'IoU', dot: 'accuracy' },
    )}</div>
${confusion(plotter, matrix, perClass, 'pixels')}
${classTable(missing && ` A dash: ${neither}, or 0 / 0.`, perClass, columns)}`,
  };
}

/** Writes the section of classification. */
export function classificationSection(figures: ClassificationFigures, plotter: Plotter): Section {
  const { top1, top5, meanClassAccuracy, perClass, matrix } = figures;
  const columns: ClassColumn<(typeof perClass)[number]>[] = [
    { head: 'images', cell: ({ images }) => count(images) },
    { head: 'F1', cell: ({ f1 }) => barCell(f1, neither) },
    { head: 'precision', cell: ({ precision }) => percent(precision, 'never predicted') },
    { head: 'recall', cell: ({ recall }) => percent(recall, 'does not occur') },
  ];
  const missing = perClass.some(({ f1, precision, recall }) => !exists(f1) || !exists(precision) || !exists(recall));
  return {
    id: 'classification',
    title: 'Classification',
    lead: 'One class an image. Of equal scores the class with the lower index comes first.',
    body: html`<div class="duo">${meansTable(
      [
        ['top-1', 'the best class is right', top1],
        ['top-5', 'one of the best five is right', top5],
        ['mean accuracy', 'top-1 by class, mean over the classes that occur', meanClassAccuracy],
      ],
      'no image',
    )}${classBars(
      plotter,
      perClass.map(({ name, recall, precision }) => ({ name, value: recall, dot: precision })),
      { caption: 'Recall by class', alt: 'Recall by class.', value: 'recall', dot: 'precision' },
    )}</div>
${confusion(plotter, matrix, perClass, 'images')}
${classTable(missing && ' A dash: 0 / 0, the class does not occur or is never predicted.', perClass, columns)}`,
  };
}
