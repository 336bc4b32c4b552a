import type { Size } from '../arrays.ts';
import { listed } from '../errors.ts';
import type { DecodeImage } from '../formats/image.ts';
import { breather } from '../turn.ts';
import type { Xywh } from './coco_shapes.ts';
import { boxOf, checkAnnotation, hasBadBox, isProper, reportBadBox } from './health_annotations.ts';
import {
  byId,
  entryName,
  fieldOf,
  idsOf,
  isId,
  type RawDocument,
  type RawEntry,
  readRawDocument,
  shownValue,
} from './health_document.ts';
import { nearDuplicates } from './health_duplicates.ts';
import { checkFileNames, checkFiles, type ReadFile, reportEqualFiles, type SeenContents } from './health_files.ts';
import { type Finding, findingCollector, type Id, type Report } from './health_findings.ts';
import { checkResults } from './health_results.ts';
import { nameOf, reportStatistics } from './health_statistics.ts';

/** Checks data sets for faults that training and evaluation do not notice, or notice late. */

/** One split of a data set. */
export interface HealthSplit {
  readonly name: string;
  /** The annotation file in messages. */
  readonly file: string;
  /** COCO's annotation file as JSON, with whatever is wrong in it. */
  readonly document: unknown;
  /** Reads an image by its `file_name`; undefined if it does not exist. Without it files are not checked. */
  readonly readFile?: ReadFile | undefined;
  /** Where an annotation stands, if not in `file`: `labels/a.txt, line 3`. By position in the document. */
  readonly placeOf?: ((annotation: number) => string | undefined) | undefined;
  /** What a reader said of the split: left out or interpreted, and what ended it. */
  readonly notices?: readonly string[] | undefined;
  readonly failures?: readonly string[] | undefined;
}

/** What a check is told. */
export interface HealthOptions {
  /** A results file of COCO's format, as JSON. Its images may belong to any of the splits. */
  readonly results?: { readonly file: string; readonly document: unknown } | undefined;
  /** Decodes images. Needed if a split has `readFile`. */
  readonly decode?: DecodeImage | undefined;
  /** The examples that are kept of each code and split. Default 5. */
  readonly examples?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Hears how far it has come. */
  onProgress?(progress: HealthProgress): void;
}

/** How far a check has come. */
export interface HealthProgress {
  readonly split: string;
  readonly done: number;
  readonly total: number;
  /** The image that comes next. Undefined while annotations are checked. */
  readonly file?: string | undefined;
}

/** What was checked, and what was found. */
export interface HealthReport {
  readonly splits: readonly SplitFacts[];
  /** How many results were checked; undefined without a results file. */
  readonly results: number | undefined;
  /** Errors first. */
  readonly findings: readonly Finding[];
}

/** What was counted in a split. */
export interface SplitFacts {
  readonly name: string;
  readonly file: string;
  readonly images: number;
  readonly annotations: number;
  readonly categories: number;
  /** False if the files of the images were not looked at. */
  readonly filesChecked: boolean;
}

/**
 * Checks one or more splits of a data set, and a results file. Documents may be as faulty as they like: each fault is a
 * finding, nothing is corrected. Equal files are found within a split and between splits.
 *
 * Boxes are `[x, y, width, height]` in pixels, polygons flat lists, as in COCO's files. `docs/check_data.md` has every code
 * with its rule.
 *
 * @throws DataError if files are to be checked where there is no `crypto.subtle`; the signal's reason
 */
export async function checkHealth(splits: readonly HealthSplit[], options: HealthOptions = {}): Promise<HealthReport> {
  const { results, decode, examples = 5, signal, onProgress } = options;
  const findings = findingCollector(examples);
  const breathe = breather(signal);
  const seen: SeenContents = new Map();
  const facts: SplitFacts[] = [];
  const known = { images: new Set<Id>(), categories: new Set<Id>() };
  for (const split of splits) {
    const report = findings.reporter(split.name);
    const document = readRawDocument(split.document, split.file, report);
    const { images, annotations, categories } = document;
    for (const id of idsOf(...images)) known.images.add(id);
    for (const id of idsOf(...categories)) known.categories.add(id);
    reportReader(split, report);
    await checkDocument(document, split, report, async (done) => {
      onProgress?.({ split: split.name, done, total: annotations.length });
      await breathe();
    });
    const { readFile } = split;
    if (readFile && decode) {
      let done = 0;
      const onImage = async (file: string) => {
        onProgress?.({ split: split.name, done: done++, total: images.length, file });
        await breathe();
        signal?.throwIfAborted();
      };
      await checkFiles(images, { split: split.name, file: split.file, report, readFile, decode, seen, onImage });
    }
    facts.push({
      name: split.name,
      file: split.file,
      images: images.length,
      annotations: annotations.length,
      categories: categories.length,
      filesChecked: readFile !== undefined && decode !== undefined,
    });
  }
  reportEqualFiles(seen, findings, findings.reporter);
  const count = results && checkResults(results.document, results.file, known, findings.reporter(undefined));
  return { splits: facts, results: count, findings: findings.finish() };
}

function reportReader({ file, notices = [], failures = [] }: HealthSplit, report: Report): void {
  for (const text of notices) report('reader_notice', { kind: 'image', ids: [], file, text: () => text });
  for (const text of failures) report('unreadable_labels', { kind: 'image', ids: [], file, text: () => text });
}

/** How many annotations are checked between two turns. */
const stretch = 1000;

async function checkDocument(
  document: RawDocument,
  { file, placeOf }: HealthSplit,
  report: Report,
  onStretch: (done: number) => Promise<void>,
): Promise<void> {
  const { annotations } = document;
  const images = checkImages(document.images, file, report);
  const categories = checkCategories(document.categories, file, report);
  byId(annotations, (id, first, second) => {
    const text = () => `annotations[${first.index}] and annotations[${second.index}] both have the id ${id}`;
    report('duplicate_ann_id', { kind: 'annotation', ids: [id], file, text });
  });
  const boxes = new Map<string, RawEntry[]>(); // by image and class
  for (const [done, annotation] of annotations.entries()) {
    if (done % stretch === 0) await onStretch(done);
    const [imageId, categoryId] = [fieldOf(annotation, 'image_id'), fieldOf(annotation, 'category_id')];
    const image = isId(imageId) ? images.get(imageId) : undefined;
    const category = isId(categoryId) ? categories.get(categoryId) : undefined;
    const name = annotationName(annotation, image?.file, placeOf?.(annotation.index));
    const context = { file, name, size: image?.size, keypoints: category?.keypoints, report };
    if (hasBadBox(annotation)) {
      reportBadBox(annotation, context);
      continue;
    }
    const orphan = (code: 'orphan_image_id' | 'orphan_category_id', what: string, id: unknown) => {
      const text = () => `${name}: no ${what} has the id ${shownValue(id)}`;
      report(code, { kind: 'annotation', ids: idsOf(annotation), file, text });
    };
    if (!image) orphan('orphan_image_id', 'image', imageId);
    if (!category) orphan('orphan_category_id', 'class', categoryId);
    checkAnnotation(annotation, context);
    const box = boxOf(annotation);
    if (!box || !isProper(box)) continue;
    const key = JSON.stringify([imageId, categoryId]);
    const same = boxes.get(key);
    if (same) same.push(annotation);
    else boxes.set(key, [annotation]);
  }
  for (const same of boxes.values()) {
    if (same.length > 1) reportDuplicates(same, images, file, placeOf, report);
  }
  reportStatistics(document, file, report);
}

type Images = ReadonlyMap<Id, { readonly file: string | undefined; readonly size: Size | undefined }>;

function checkImages(entries: readonly RawEntry[], file: string, report: Report): Images {
  const known = byId(entries, (id, first, second) => {
    const text = () => `images[${first.index}] and images[${second.index}] both have the id ${id}`;
    report('duplicate_image_id', { kind: 'image', ids: [id], file, text });
  });
  checkFileNames(entries, file, report);
  for (const image of entries) {
    if (sizeOf(image)) continue;
    const [width, height] = [fieldOf(image, 'width'), fieldOf(image, 'height')];
    const isNumber = (value: unknown) => value === undefined || typeof value === 'number';
    const text = () => `${entryName('images', image)}: width ${shownValue(width)}, height ${shownValue(height)}`;
    const code = isNumber(width) && isNumber(height) ? 'zero_dimensions' : 'bad_value';
    report(code, { kind: 'image', ids: idsOf(image), file, text });
  }
  return new Map(
    [...known].map(([id, image]) => {
      const name = fieldOf(image, 'file_name');
      return [id, { file: typeof name === 'string' ? name : undefined, size: sizeOf(image) }];
    }),
  );
}

function sizeOf(image: RawEntry): Size | undefined {
  const [width, height] = [fieldOf(image, 'width'), fieldOf(image, 'height')];
  const isExtent = (value: unknown): value is number => typeof value === 'number' && value > 0 && value < Infinity;
  return isExtent(width) && isExtent(height) ? { width, height } : undefined;
}

type Categories = ReadonlyMap<Id, { readonly keypoints: number | undefined }>;

function checkCategories(entries: readonly RawEntry[], file: string, report: Report): Categories {
  const known = byId(entries, (id, first, second) => {
    const text = () => `categories[${first.index}] and categories[${second.index}] both have the id ${id}`;
    report('duplicate_category_id', { kind: 'category', ids: [id], file, text });
  });
  const byName = new Map<string, RawEntry[]>();
  for (const category of entries) {
    const name = fieldOf(category, 'name');
    if (typeof name !== 'string') {
      const text = () => `${entryName('categories', category)}: the name must be a string, got ${shownValue(name)}`;
      report('bad_value', { kind: 'category', ids: idsOf(category), file, text });
      continue;
    }
    const same = byName.get(name);
    if (same) same.push(category);
    else byName.set(name, [category]);
  }
  for (const same of byName.values()) {
    const [first] = same;
    // one class that is listed twice has a finding of its own
    if (!first || new Set(idsOf(...same)).size < 2) continue;
    const names = () => same.map((category) => entryName('categories', category)).join(' and ');
    const text = () => `${names()}: both ${nameOf(first)}`;
    report('duplicate_category_name', { kind: 'category', ids: idsOf(...same), file, text });
  }
  return new Map(
    [...known].map(([id, category]) => {
      const names = fieldOf(category, 'keypoints');
      return [id, { keypoints: Array.isArray(names) && names.length > 0 ? names.length : undefined }];
    }),
  );
}

function annotationName(annotation: RawEntry, image: string | undefined, place: string | undefined): string {
  const name = entryName('annotations', annotation);
  if (place !== undefined) return place;
  return image === undefined ? name : `${name} of ${image}`;
}

function reportDuplicates(
  annotations: readonly RawEntry[],
  images: Images,
  file: string,
  placeOf: HealthSplit['placeOf'],
  report: Report,
): void {
  const boxes = annotations.flatMap((annotation): Xywh[] => {
    const box = boxOf(annotation);
    return box ? [box] : [];
  });
  for (const group of nearDuplicates(boxes)) {
    const members = group.flatMap((i) => annotations[i] ?? []);
    const text = () => {
      const imageId = members[0] && fieldOf(members[0], 'image_id');
      const image = isId(imageId) ? images.get(imageId)?.file : undefined;
      const names = members.map((one) => placeOf?.(one.index) ?? entryName('annotations', one));
      return `${listed(names, 4)}${image === undefined ? '' : ` of ${image}`}: nearly the same box`;
    };
    report('near_duplicate', { kind: 'annotation', ids: idsOf(...members), file, text });
  }
}
