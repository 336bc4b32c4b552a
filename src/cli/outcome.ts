import type { Boxes, Predictor, RenderOptions, Result } from '../node.ts';
import { type FontLimits, loadFont, noLimits } from './font.ts';
import type { StatedSize } from './image_ids.ts';
import { jsonEntry } from './json_document.ts';
import type { Kind, Library } from './model.ts';
import { contentOf } from './outputs.ts';
import type { ImagesJob, Plan, PlannedInput } from './plan.ts';
import { inputChoiceOf } from './run_options.ts';
import { plural } from './terminal.ts';

/** Predicts, draws and encodes one image. It touches no file, and may run on another thread. */

/** Everything that is written and printed about an image, as plain data. */
export interface Outcome {
  /** The bytes of its outputs, in their order. */
  readonly contents: readonly Uint8Array[];
  /** Its entry in the document of `--json`. */
  readonly json: string;
  /** The result as one line. */
  readonly line: string;
  /** Sentences about its file. */
  readonly notices: readonly string[];
  /** Instances or poses that are shown. */
  readonly instances: number;
  /** The time of the work, without waiting for other images. */
  readonly milliseconds: number;
  /** Characters that no font has. */
  readonly missing: readonly string[];
  readonly fontLimits: FontLimits;
}

/** The parts of a plan that an image needs, as plain data. */
export interface Recipe extends Pick<Plan, 'outputs' | 'kinds' | 'chosen' | 'score' | 'only'> {
  readonly job: ImagesJob;
}

/** Makes the outcome of an image. */
export type Cook = (input: PlannedInput) => Promise<Outcome>;

/** A font, and what it cannot draw. */
export interface OpenFont {
  readonly moreGlyphs: RenderOptions['moreGlyphs'];
  readonly limits: FontLimits;
}

/** Opens the font of a job. @throws UsageError if it cannot be used */
export async function openFont({ font }: ImagesJob): Promise<OpenFont> {
  const limits = noLimits();
  return { moreGlyphs: font === undefined ? undefined : await loadFont(font, limits), limits };
}

/** Prepares a model and a recipe for images. */
export function outcomesBy(
  library: Library,
  model: Predictor,
  { outputs, kinds, chosen, score: least = 0, only, job }: Recipe,
  { moreGlyphs, limits: fontLimits }: OpenFont,
): Cook {
  const { top, oks, keypointScore: pointScore } = job;
  const input = inputChoiceOf(job);
  // instances are counted before those with a low score are left out
  const ofPoses = kinds.includes('pose') ? { oks, score: least } : {};
  return async ({ file, ref, paths, imageId, boxes, statedSize }) => {
    const image = ref instanceof Uint8Array ? new File([ref], file) : (ref ?? file);
    const all = await model.predict(image, { ...chosen, ...input, ...ofPoses, boxes, top, only });
    const start = performance.now();
    const result = all.filter(({ score }) => score >= least);
    const missing = new Set<string>();
    const render = {
      pointScore,
      moreGlyphs,
      onMissingGlyphs: (characters: readonly string[]) => {
        for (const character of characters) missing.add(character);
      },
    };
    const contents: Uint8Array[] = [];
    for (const [i, output] of outputs.entries()) {
      contents.push(await contentOf(library, output, result, { file, path: paths[i], imageId, render }));
    }
    return {
      contents,
      json: job.json ? jsonEntry(result, file) : '',
      line: describe(all, result, kinds, least),
      notices: [...all.notices, ...boxesNotices(all.image, boxes, statedSize, job.boxes)],
      instances: result.length + (result.poses?.length ?? 0),
      milliseconds: (all.timings.total ?? 0) + performance.now() - start,
      missing: [...missing],
      fontLimits,
    };
  };
}

/** Says that the boxes of a file may be those of another image, of one that has been resized, or of another form. */
function boxesNotices(
  { height, width }: StatedSize,
  boxes: Boxes | undefined,
  stated: StatedSize | undefined,
  file = '',
): readonly string[] {
  if (stated && !(stated.height === height && stated.width === width)) {
    return [
      `${file} states ${stated.width} × ${stated.height} pixels, the image has ${width} × ${height}: its boxes may be those of another image, or of another size.`,
    ];
  }
  if (!boxes) return [];
  const sides = [width, height, width, height];
  const isFar = (value: number, k: number) => value < -0.1 * sides[k]! || value > 1.1 * sides[k]!;
  const far = Array.from(boxes.scores).filter((_, i) => sides.some((_, k) => isFar(boxes.boxes[4 * i + k]!, k))).length;
  if (far === 0) return [];
  const reach = far === 1 ? 'a box reaches' : `${far} boxes reach`;
  return [`${file}: ${reach} far beyond the image. COCO's bbox is x, y, width, height, not two corners.`];
}

/** A result as one line. */
function describe(all: Result, result: Result, shown: readonly Kind[], score: number): string {
  const parts: string[] = [];
  if (shown.includes('detection')) {
    const [best] = all;
    const nearest = best ? ` (best: ${best.name} ${best.score.toFixed(2)})` : '';
    parts.push(result.length > 0 ? countsByClass(result) : `nothing with a score of ${score} or more${nearest}`);
  }
  if (shown.includes('segmentation')) parts.push(sharesByClass(result));
  if (shown.includes('classification')) parts.push(likelyClasses(result));
  if (shown.includes('pose')) parts.push(posesFound(result));
  return parts.join('; ');
}

/** `2 person (scores 0.91 to 0.54)`. */
function posesFound({ poses }: Result): string {
  if (!poses || poses.length === 0) return 'no pose';
  const [most, least] = [Math.max(...poses.scores), Math.min(...poses.scores)].map((score) => score.toFixed(2));
  const scores = most === least ? `score ${most}` : `scores ${most} to ${least}`;
  return `${plural(poses.length, 'pose')} of ${poses.dataset.classes[0]} (${scores})`;
}

/** `12 window, 3 car`: the most frequent first. */
function countsByClass(result: Result): string {
  const counts = new Map<string, number>();
  for (const { name } of result) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

const shownShares = 5;

/** `facade 41 %, sky 22 %`: the largest first, without those below one percent. */
function sharesByClass({ segmentation }: Result): string {
  if (!segmentation) return '';
  const { labels, classes } = segmentation;
  const pixels = new Uint32Array(65536);
  for (const label of labels) pixels[label]!++;
  const shares: { name: string; percent: number }[] = [];
  for (const [label, count] of pixels.entries()) {
    const percent = Math.round((100 * count) / labels.length);
    if (percent > 0) shares.push({ name: classes[label] ?? `class ${label}`, percent });
  }
  shares.sort((a, b) => b.percent - a.percent);
  const shown = shares.slice(0, shownShares).map(({ name, percent }) => `${name} ${percent} %`);
  return [...shown, ...(shares.length > shownShares ? ['…'] : [])].join(', ');
}

/** `tabby 62.1 %, tiger cat 20.4 %`: all that were asked for. */
function likelyClasses({ classification }: Result): string {
  if (!classification) return '';
  const { labels, scores, classes } = classification;
  const likely = Array.from(
    labels,
    (label, i) => `${classes[label] ?? `class ${label}`} ${(100 * scores[i]!).toFixed(1)} %`,
  );
  return likely.join(', ');
}
