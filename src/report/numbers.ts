import type { ErrorType } from '../evaluate/evaluation.ts';
import { type Html, type HtmlValue, html } from './html.ts';

/** Numbers and names as reports write them: shares in per cent with one digit, and a dash with its reason for what does not exist. */

/** Tells whether a figure exists: COCO says -1 where there is no truth, label maps and classes NaN for 0 / 0. */
export const exists = (value: number | undefined): value is number =>
  value !== undefined && Number.isFinite(value) && value >= 0;

/** Writes a share of 0 to 1 in per cent, without the sign; a dash that says why if there is none. */
export const percent = (value: number | undefined, reason: string, digits = 1): HtmlValue =>
  exists(value) ? html`<span title="${value}">${percentText(value, digits)}</span>` : none(reason);

/** Writes a share of 0 to 1 in per cent, without the sign. */
export const percentText = (value: number, digits = 1): string => (100 * value).toFixed(digits);

/** Writes a dash. What it stands for is said to everyone: as a tooltip, to screen readers, and by the note below the table. */
export const none = (reason: string): Html =>
  html`<span class="none" title="${reason}"><span aria-hidden="true">–</span><span class="unseen">none: ${reason}</span></span>`;

/** Why a figure of objects does not exist. */
export const noTruth = 'no object of this kind in the truth';

/** Writes a difference of shares in points, with its sign. */
export function signed(value: number, digits = 1): string {
  const text = (100 * Math.abs(value)).toFixed(digits);
  if (Number(text) === 0) return text;
  return value < 0 ? `−${text}` : `+${text}`;
}

/** Writes a count with its thousands apart. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** Says how many: "1 image", "2 images". */
export const counted = (value: number, one: string, more = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : more}`;

/** Writes a share as a number with a bar behind it. */
export const barCell = (value: number | undefined, reason: string): HtmlValue =>
  exists(value)
    ? html`<span class="bar" style="--share:${percentText(Math.min(1, value), 2)}%">${percent(value, reason)}</span>`
    : none(reason);

/** TIDE's types of errors. */
export const errorNames: Readonly<Record<ErrorType, string>> = {
  cls: 'wrong class',
  loc: 'poor place',
  both: 'both of these',
  dupe: 'duplicate',
  bkg: 'background',
  miss: 'missed',
};

/** What decides if a detection takes an object: the overlap of boxes or masks, or the similarity of keypoints. */
export const overlapName = (by: 'bbox' | 'segm' | 'keypoints'): string => (by === 'keypoints' ? 'OKS' : 'IoU');
