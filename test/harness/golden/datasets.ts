import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  type DataFormat,
  type ImageSet,
  type LabelledImage,
  type LabelledObject,
  openDataset,
} from '../../../src/data_node.ts';
import type { LabelMap } from '../../../src/image/raster.ts';
import { rleToString } from '../../../src/postprocess/rle.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runs the cases of kind `dataset`: a tiny data set and what reading it gives. */

interface Read {
  readonly split?: string;
  readonly split_file?: string;
  readonly config?: string;
  readonly annotations?: string;
  readonly task?: 'detection' | 'segmentation';
  readonly classes: readonly string[];
  readonly category_ids?: readonly number[];
  readonly keypoint_names?: readonly string[];
  readonly skeleton_from_0?: readonly (readonly number[])[];
  readonly ignore_index?: number;
  readonly problems?: readonly { readonly file: string; readonly line: number; readonly code: string }[];
  readonly images: readonly ReadImage[];
}

interface ReadImage {
  readonly file: string | null;
  readonly width: number;
  readonly height: number;
  readonly class?: number;
  readonly objects?: readonly ReadObject[];
  readonly label_map?: { readonly sha256: string; readonly histogram: Readonly<Record<string, number>> };
}

interface ReadObject {
  readonly class: number;
  readonly box: readonly number[];
  readonly area: number;
  readonly crowd: boolean;
  readonly polygons?: readonly (readonly number[])[];
  readonly mask: { readonly size: readonly number[]; readonly counts: string } | 'not compared' | null;
  readonly keypoints?: readonly (readonly number[])[];
  readonly difficult?: boolean;
  readonly instance?: number;
}

interface DatasetJson {
  readonly layout: DataFormat;
  readonly root: string;
  readonly reads: readonly Read[];
}

/** Every read, as it says and, if the layout needs no help, with the layout recognised. */
export async function runDataset(golden: GoldenCase): Promise<void> {
  const { layout, root, reads }: DatasetJson = golden.json;
  for (const [i, read] of reads.entries()) {
    const at = `reads[${i}]`;
    // nothing in these folders names the classes
    const classes = layout === 'segment_folders' ? [...read.classes] : undefined;
    const annotations = read.annotations ?? read.config ?? read.split_file;
    const splits = layout === 'coco' || layout === 'cvat_xml' ? undefined : read.split;
    const options = { split: splits, annotations, task: read.task, classes };
    const recognised = await openDataset(join(golden.folder, root), options);
    expectEqual(`${at}: format`, recognised.format, layout);
    await expectRead(at, recognised, read);
    await expectRead(at, await openDataset(join(golden.folder, root), { ...options, format: layout }), read);
  }
}

async function expectRead(at: string, set: ImageSet, read: Read): Promise<void> {
  const isLabels = read.ignore_index !== undefined;
  expectEqual(`${at}: classes`, isLabels ? set.labelClasses : set.classes, read.classes);
  if (read.category_ids) expectEqual(`${at}: categoryIds`, set.categoryIds, read.category_ids);
  if (read.keypoint_names) expectEqual(`${at}: keypoints`, set.keypoints?.names, read.keypoint_names);
  if (read.skeleton_from_0) expectEqual(`${at}: skeleton`, set.keypoints?.skeleton, read.skeleton_from_0);
  if (isLabels) expectEqual(`${at}: ignore`, set.ignore, read.ignore_index);
  expectEqual(`${at}: count`, set.count, read.images.length);
  let i = 0;
  for await (const image of set.images()) {
    const expected = read.images[i];
    if (!expected) throw new GoldenMismatch(`${at}: more than ${i} images`);
    await expectImage(`${at}: images[${i}]`, image, expected);
    i++;
  }
  expectEqual(`${at}: images`, i, read.images.length);
  for (const { file, line, code } of read.problems ?? []) {
    const said = set.notices.some((notice) =>
      [file, `line ${line}:`, `(${code})`].every((part) => notice.includes(part)),
    );
    if (!said)
      throw new GoldenMismatch(`${at}: no notice of ${file}, line ${line}: ${code}. Notices: ${set.notices.join(' ')}`);
  }
}

async function expectImage(at: string, image: LabelledImage, expected: ReadImage): Promise<void> {
  if (expected.file !== null) expectEqual(`${at}: file`, image.file, expected.file);
  expectEqual(`${at}: size`, [image.size.width, image.size.height], [expected.width, expected.height]);
  if (expected.class !== undefined) expectEqual(`${at}: class`, image.label, expected.class);
  if ((await image.bytes()).length === 0) throw new GoldenMismatch(`${at}: the image is empty`);
  if (expected.objects) {
    const objects = image.objects ?? [];
    expectEqual(`${at}: objects`, objects.length, expected.objects.length);
    for (const [k, object] of objects.entries())
      expectObject(`${at}: objects[${k}]`, object, expected.objects[k]!, image);
  }
  if (expected.label_map) expectMap(`${at}: label_map`, await image.labels?.(), expected.label_map);
}

function expectObject(at: string, object: LabelledObject, expected: ReadObject, image: LabelledImage): void {
  const side = Math.max(image.size.width, image.size.height);
  expectEqual(`${at}: class`, object.label, expected.class);
  expectClose(`${at}: box`, object.box, expected.box, side);
  expectClose(`${at}: area`, [object.area], [expected.area], side * side);
  expectEqual(`${at}: crowd`, object.crowd, expected.crowd);
  if (expected.polygons) {
    expectEqual(`${at}: polygons`, object.polygons?.length, expected.polygons.length);
    for (const [i, polygon] of expected.polygons.entries()) {
      expectClose(`${at}: polygons[${i}]`, object.polygons?.[i] ?? [], polygon, side);
    }
  }
  if (expected.keypoints)
    expectClose(`${at}: keypoints`, object.keypoints?.flat() ?? [], expected.keypoints.flat(), side);
  if (expected.difficult !== undefined) expectEqual(`${at}: difficult`, object.difficult ?? false, expected.difficult);
  if (expected.instance !== undefined) expectEqual(`${at}: instance`, object.instance, expected.instance);
  if (expected.mask === 'not compared') return;
  const { mask } = object;
  const found = mask ? { size: [mask.height, mask.width], counts: rleToString(mask) } : null;
  const wanted = expected.mask && { ...expected.mask, counts: expected.mask.counts };
  expectEqual(`${at}: mask`, found, wanted);
}

function expectMap(at: string, map: LabelMap | undefined, expected: NonNullable<ReadImage['label_map']>): void {
  if (!(map?.labels instanceof Uint8Array)) throw new GoldenMismatch(`${at}: no label map of 8 bits`);
  const histogram: Record<string, number> = {};
  for (const label of map.labels) histogram[label] = (histogram[label] ?? 0) + 1;
  expectEqual(`${at}: histogram`, histogram, expected.histogram);
  expectEqual(`${at}: sha256`, createHash('sha256').update(map.labels).digest('hex'), expected.sha256);
}

function expectEqual(at: string, found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new GoldenMismatch(`${at}: got ${a}, expected ${b}`);
}

function expectClose(at: string, found: readonly number[], expected: readonly number[], scale: number): void {
  const isClose =
    found.length === expected.length && found.every((value, i) => Math.abs(value - expected[i]!) <= 1e-9 * scale);
  if (!isClose) throw new GoldenMismatch(`${at}: got [${found}], expected [${expected}]`);
}
