import { boxOf } from './health_annotations.ts';
import { fewInstances, imbalance, smallArea } from './health_codes.ts';
import { entryName, fieldOf, idsOf, isId, isNumber, type RawDocument, type RawEntry } from './health_document.ts';
import type { Id, Report } from './health_findings.ts';

/** Counts of classes, images and sizes: what is worth a look without being a fault. */

/** So few objects say nothing about the sizes in a set. */
const leastObjects = 20;

/** Reports classes with few objects, images without any, and sets of small objects. */
export function reportStatistics({ images, annotations, categories }: RawDocument, file: string, report: Report): void {
  const perCategory = countBy(annotations, 'category_id');
  const perImage = countBy(annotations, 'image_id');
  const countOf = (category: RawEntry) => (category.id === undefined ? 0 : (perCategory.get(category.id) ?? 0));
  for (const category of categories) {
    const count = countOf(category);
    if (category.id === undefined || count >= fewInstances) continue;
    const what = count === 0 ? 'no annotation' : `${count} annotation${count === 1 ? '' : 's'}`;
    report(count === 0 ? 'zero_instance_category' : 'low_instance_category', {
      kind: 'category',
      ids: [category.id],
      file,
      text: () => `class ${nameOf(category)}: ${what}`,
    });
  }
  const counted = categories.filter((category) => countOf(category) > 0).toSorted((a, b) => countOf(b) - countOf(a));
  const [most, least] = [counted[0], counted.at(-1)];
  if (most && least && countOf(most) > imbalance * countOf(least)) {
    report('class_imbalance', {
      kind: 'category',
      ids: idsOf(most, least),
      file,
      text: () => `${nameOf(most)} has ${countOf(most)} annotations, ${nameOf(least)} ${countOf(least)}`,
    });
  }
  for (const image of annotations.length > 0 ? images : []) {
    if (image.id === undefined || perImage.has(image.id)) continue;
    const name = fieldOf(image, 'file_name');
    const shown = typeof name === 'string' ? ` (${name})` : '';
    report('image_without_annotations', {
      kind: 'image',
      ids: [image.id],
      file,
      text: () => `${entryName('images', image)}${shown}: no annotation`,
    });
  }
  reportSmall(annotations, file, report);
}

function reportSmall(annotations: readonly RawEntry[], file: string, report: Report): void {
  let [small, all] = [0, 0];
  for (const annotation of annotations) {
    const [area, box] = [fieldOf(annotation, 'area'), boxOf(annotation)];
    const size = isNumber(area) && area > 0 ? area : box && box[2] * box[3];
    if (size === undefined) continue;
    all++;
    if (size < smallArea) small++;
  }
  if (all < leastObjects || 2 * small <= all) return;
  const text = () => `${small} of ${all} objects are under 32 × 32 pixels`;
  report('small_objects', { kind: 'annotation', ids: [], file, text });
}

function countBy(annotations: readonly RawEntry[], field: 'image_id' | 'category_id'): ReadonlyMap<Id, number> {
  const counts = new Map<Id, number>();
  for (const annotation of annotations) {
    const id = fieldOf(annotation, field);
    if (isId(id)) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/** Writes a class's name in a sentence. */
export function nameOf(category: RawEntry): string {
  const name = fieldOf(category, 'name');
  return typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : 'without a name';
}
