import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shippedGolden } from './golden.ts';

/** Data sets with the figures of the demo model on them: a small one of this repository, and a large one beside it. */

export interface ExpectedObjects {
  readonly stats: readonly number[];
  readonly per_class: Readonly<Record<string, number>>;
}

export interface ExpectedLabels {
  readonly miou: number;
  readonly macc: number;
  readonly aacc: number;
  /** null: the class neither occurs nor is predicted. */
  readonly iou: Readonly<Record<string, number | null>>;
}

export interface ExpectedFigures {
  readonly images: number;
  readonly size: number;
  readonly detections: number;
  readonly bbox: ExpectedObjects;
  readonly segm: ExpectedObjects;
  readonly semseg: ExpectedLabels;
  readonly semseg_alone: ExpectedLabels;
}

export const evalSplit = join(shippedGolden, 'eval/split');
export const largeSplit = fileURLToPath(new URL('../../../shared/eval', import.meta.url));

export const figuresIn = (folder: string): ExpectedFigures =>
  JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));

interface WithResults extends ExpectedFigures {
  /** COCO's figures of `results.json`. */
  readonly results: { readonly bbox: readonly number[]; readonly segm: readonly number[] };
}

export const expectedFigures = figuresIn(evalSplit) as WithResults;
