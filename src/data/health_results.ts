import { isObject } from '../values.ts';
import type { HealthCode } from './health_codes.ts';
import { fieldOf, isId, isNumber, shownValue } from './health_document.ts';
import type { Id, Report } from './health_findings.ts';

/** The rules about a results file: a list of detections, which are named by their position from 0. */

/** The ids of all splits that are checked. */
export interface KnownIds {
  readonly images: ReadonlySet<Id>;
  readonly categories: ReadonlySet<Id>;
}

/** Reports the faults of results. @returns how many results there are */
export function checkResults(results: unknown, file: string, known: KnownIds, report: Report): number {
  if (!Array.isArray(results)) {
    const text = () => `results must be a list, got ${shownValue(results)}`;
    report('bad_value', { kind: 'result', ids: [], file, text });
    return 0;
  }
  for (const [index, result] of (results as readonly unknown[]).entries()) {
    const say = (code: HealthCode, text: () => string) =>
      report(code, { kind: 'result', ids: [index], file, text: () => `results[${index}]: ${text()}` });
    if (!isObject(result) || Array.isArray(result)) {
      say('bad_value', () => `must be an object, got ${shownValue(result)}`);
      continue;
    }
    const field = (name: string) => fieldOf({ fields: result }, name);
    const isKnown = (ids: ReadonlySet<Id>, id: unknown) => isId(id) && ids.has(id);
    const [image, category, score, box] = [field('image_id'), field('category_id'), field('score'), field('bbox')];
    if (!isKnown(known.images, image)) say('dt_orphan_image_id', () => `no image ${shownValue(image)}`);
    if (!isKnown(known.categories, category)) say('dt_orphan_category_id', () => `no class ${shownValue(category)}`);
    if (!isNumber(score)) say('dt_missing_score', () => `the score must be a number, got ${shownValue(score)}`);
    else if (score < 0 || score > 1) say('dt_score_out_of_range', () => `the score is ${score}`);
    if (box !== undefined && !(Array.isArray(box) && box.length === 4 && box.every(isNumber))) {
      say('bad_value', () => `the box must be four finite numbers, got ${shownValue(box)}`);
    } else if (box === undefined && field('segmentation') === undefined && field('keypoints') === undefined) {
      say('missing_geometry', () => 'neither box nor mask nor keypoints');
    }
  }
  return results.length;
}
