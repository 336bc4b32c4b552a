import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { CocoDetection, CocoFile } from '../../../src/data/coco_file.ts';
import { parseCocoFile, parseCocoResults } from '../../../src/data/coco_json.ts';
import { rleOfSegmentation } from '../../../src/data/coco_shapes.ts';
import { evaluateCoco } from '../../../src/evaluate/coco.ts';
import { rleArea } from '../../../src/postprocess/rle.ts';
import type { CorpusRunner } from './case.ts';
import type { CorpusCase } from './manifest.ts';

/** Cases that are COCO's label files, and results, which are evaluated against a good file beside them. */

type Loaded = { readonly truth: CocoFile } | { readonly results: readonly CocoDetection[] };

/** A list in place of a data set is refused as one: only files of this name are meant as results. */
const isResults = (path: string) => /^results_/.test(basename(path));

export const coco: CorpusRunner<Loaded> = {
  load: async (path, { file }) => {
    if (!isResults(path)) return { truth: parseCocoFile(readFileSync(path), file).file };
    const results = parseCocoResults(readFileSync(path), file);
    const plain = parseCocoFile(readFileSync(join(dirname(path), 'ok_plain.json')), 'ok_plain.json').file;
    const { stats } = evaluateCoco(plain, results, { type: 'bbox', names: { results: file } });
    if (stats.some((figure) => !Number.isFinite(figure))) throw new Error(`figures that are no numbers: ${stats}`);
    return { results };
  },
  difference: async (loaded, entry) => {
    if ('results' in loaded) return undefined;
    return (
      differingCounts(loaded.truth, entry) ?? differingMasks(loaded.truth, entry) ?? faultOfEvaluation(loaded.truth)
    );
  },
};

function differingCounts({ images, annotations, categories }: CocoFile, { equals = {} }: CorpusCase) {
  const crowd = annotations.filter(({ iscrowd }) => iscrowd === 1).length;
  const counts = { images: images.length, annotations: annotations.length, categories: categories.length, crowd };
  for (const [what, count] of Object.entries(counts)) {
    const expected = equals[what as keyof typeof counts];
    if (expected !== undefined && expected !== count) return `${count} ${what}, expected ${expected}`;
  }
  return undefined;
}

function differingMasks({ images, annotations }: CocoFile, { equals = {} }: CorpusCase) {
  const sizes = new Map(images.map(({ id, height, width }) => [id, { height: height ?? 0, width: width ?? 0 }]));
  const areas = new Map<number, number>();
  for (const { id, image_id, segmentation } of annotations) {
    if (segmentation) areas.set(id, rleArea(rleOfSegmentation(segmentation, sizes.get(image_id)!)));
  }
  for (const [id, area] of Object.entries(equals.mask_areas ?? {})) {
    if (areas.get(Number(id)) !== area)
      return `mask of annotation ${id} has ${areas.get(Number(id))} pixels, expected ${area}`;
  }
  const last = annotations.at(-1);
  if (equals.rle_area === undefined || !last || areas.get(last.id) === equals.rle_area) return undefined;
  return `the last mask has ${areas.get(last.id)} pixels, expected ${equals.rle_area}`;
}

/** A data set that is read can be evaluated: every figure is a number. */
function faultOfEvaluation(truth: CocoFile) {
  const { stats } = evaluateCoco(truth, [], { type: 'bbox' });
  return stats.every((figure) => figure === -1 || figure === 0) ? undefined : `without results: ${stats}`;
}
