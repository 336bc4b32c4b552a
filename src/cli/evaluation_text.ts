import type { ClassificationFigures, Evaluation, LabelMapFigures, ObjectFigures } from '../evaluate/evaluation.ts';
import { duration, plural, type Terminal } from './terminal.ts';

/** An evaluation as tables for a terminal. */

const titles = { bbox: 'Boxes', segm: 'Masks', keypoints: 'Keypoints' } as const;

/** Returns the figures, line by line. Shares are from 0 to 1; a figure without anything to measure is a dash. */
export function evaluationLines(evaluation: Evaluation, colors: Terminal['colors']): string[] {
  const { bbox, segm, keypoints, semseg, classification, speed, model } = evaluation;
  const tables = [
    ...[bbox, segm, keypoints].flatMap((figures) => (figures ? [objectLines(figures, colors)] : [])),
    ...(semseg ? [labelMapLines(semseg, colors)] : []),
    ...(classification ? [classificationLines(classification, colors)] : []),
  ];
  const boxes = model?.boxes === undefined ? [] : [`poses in boxes: ${model.boxes}`];
  const lines = [countLine(evaluation), ...boxes, ...tables.flatMap((table) => ['', ...table])];
  if (speed) {
    const { millisecondsPerImage, imagesPerSecond } = speed;
    lines.push('', `${duration(millisecondsPerImage)} per image, ${imagesPerSecond.toFixed(2)} images/s`);
  }
  return lines;
}

/** `75 images of facades/ (coco, split test)`, with what is missing of the data set. */
function countLine({ data, detections, failures }: Evaluation): string {
  const { name, format, split, count, evaluated, limit } = data;
  const layout = split === undefined ? format : `${format}, split ${split}`;
  const found = detections === undefined ? '' : `, ${plural(detections, 'detection')}`;
  const part = limit === undefined ? '' : `; only the first ${limit} of ${count} (--limit)`;
  const failed = failures.length === 0 ? '' : `; ${failures.length} failed and left out, with their labels`;
  return `${plural(evaluated, 'image')} of ${name} (${layout})${found}${part}${failed}`;
}

function objectLines(
  { type, stats, statNames, perClass, errors, perKeypoint }: ObjectFigures,
  { bold, dim }: Terminal['colors'],
): string[] {
  const withSmall = type !== 'keypoints';
  const heads = [
    'class',
    'AP',
    'AP50',
    'AP75',
    ...(withSmall ? ['small'] : []),
    'medium',
    'large',
    'AR',
    'objects',
    'detections',
  ];
  const rows = perClass.map(({ name, ap, ap50, ap75, small, medium, large, ar, truths, detections }) => [
    name,
    ...[ap, ap50, ap75, ...(withSmall ? [small] : []), medium, large, ar].map(figure),
    `${truths}`,
    `${detections}`,
  ]);
  const lines = [bold(titles[type])];
  for (const start of [0, statNames.length / 2]) {
    const part = statNames.slice(start, start + statNames.length / 2);
    lines.push(`  ${part.map((name, i) => `${name} ${figure(stats[start + i])}`).join('  ')}`);
  }
  lines.push(...table(heads, rows, dim));
  if (errors) {
    const gains = Object.entries(errors.gain).map(([name, gain]) => `${name} ${figure(gain)}`);
    lines.push(`  AP50 gained without errors of a type (TIDE): ${gains.join('  ')}`);
  }
  if (perKeypoint) {
    const each = perKeypoint.map(({ name, similarity }) => [name, figure(similarity)]);
    lines.push('  Each keypoint in the objects that are found:', ...table(['keypoint', 'similarity'], each, dim));
  }
  return lines;
}

function labelMapLines(
  { miou, macc, aacc, mdice, boundary, perClass }: LabelMapFigures,
  { bold, dim }: Terminal['colors'],
): string[] {
  const means = { mIoU: miou, mAcc: macc, aAcc: aacc, mDice: mdice, 'boundary IoU': boundary };
  const rows = perClass.map(({ name, iou, accuracy, precision, dice, boundary: edges, pixels }) => [
    name,
    ...[iou, accuracy, precision, dice, edges].map(figure),
    `${pixels}`,
  ]);
  return [
    bold('Label maps'),
    `  ${Object.entries(means)
      .map(([name, value]) => `${name} ${figure(value)}`)
      .join('  ')}`,
    ...table(['class', 'IoU', 'Acc', 'precision', 'Dice', 'boundary', 'pixels'], rows, dim),
  ];
}

function classificationLines(
  { top1, top5, meanClassAccuracy, perClass }: ClassificationFigures,
  { bold, dim }: Terminal['colors'],
): string[] {
  const means = { 'top-1': top1, 'top-5': top5, 'mean over classes': meanClassAccuracy };
  const rows = perClass
    .filter(({ images }) => images > 0)
    .map(({ name, precision, recall, f1, images }) => [name, ...[precision, recall, f1].map(figure), `${images}`]);
  return [
    bold('Classes'),
    `  ${Object.entries(means)
      .flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${figure(value)}`]))
      .join('  ')}`,
    ...table(['class', 'precision', 'recall', 'F1', 'images'], rows, dim),
  ];
}

/** Three decimals; a dash for -1 and NaN. */
export const figure = (value: number | undefined): string =>
  value === undefined || Number.isNaN(value) || value < 0 ? '–' : value.toFixed(3);

/** Longer names are cut. */
const longestName = 32;
const cut = (name: string): string => (name.length > longestName ? `${name.slice(0, longestName - 1)}…` : name);

/** Columns of numbers behind one of names. */
export function table(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  dim: (text: string) => string,
): string[] {
  const cells = [heads, ...rows].map(([name = '', ...others]) => [cut(name), ...others]);
  const widths = heads.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  return lines.map((line, i) => `  ${i === 0 ? dim(line) : line}`);
}
