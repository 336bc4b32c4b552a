import type { Named, NDArray } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Resident } from '../nn/index.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { Head } from './create.ts';
import type { DetectOptions } from './detector.ts';

/** A head of one's own: from its outputs to what the result holds. */

type NamedDetections = Detections & { readonly names: readonly string[] };

/** What it decodes of each image. */
export async function decodeOwn(
  head: Head,
  features: Named<Resident>,
  geometries: readonly Geometry[],
  { score, iou, max }: DetectOptions,
): Promise<unknown[]> {
  const asked = {
    ...(score !== undefined && { score }),
    ...(iou !== undefined && { iou }),
    ...(max !== undefined && { max }),
  };
  const outputs = await Promise.all(
    Object.entries(features)
      .filter(([name]) => name.startsWith('head.'))
      .map(async ([name, resident]) => [name.slice('head.'.length), await resident.read()] as const),
  );
  return geometries.map((geometry, image) =>
    head.decode(Object.fromEntries(outputs.map(([name, all]) => [name, one(all, image)])), geometry, asked),
  );
}

/** Image `i` of a batch, as a batch of one. */
function one({ shape, data }: NDArray, i: number): NDArray {
  const size = data.length / shape[0]!;
  return { shape: [1, ...shape.slice(1)], data: data.subarray(i * size, (i + 1) * size) };
}

/**
 * Detections that a head decoded, best first (equal scores keep their order), down to the least score and up to the number
 * that are asked for; undefined where it decodes something else.
 *
 * @throws ShapeError where they are not the arrays that a result is made of
 */
export function ownDetections(
  decoded: unknown,
  { classes }: Pick<Head, 'classes'>,
  { score = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY }: DetectOptions,
): NamedDetections | undefined {
  if (typeof decoded !== 'object' || decoded === null || !('boxes' in decoded)) return undefined;
  const { boxes, scores, labels, masks, names } = checked({ names: classes, ...decoded });
  const kept = [...scores.keys()]
    .filter((i) => scores[i]! >= score)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .slice(0, max);
  return {
    boxes: Float32Array.from(kept.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    labels: Int32Array.from(kept, (i) => labels[i]!),
    ...(masks && { masks: kept.map((i) => masks[i]!) }),
    names,
  };
}

function checked(decoded: Partial<Record<keyof NamedDetections, unknown>>): NamedDetections {
  const { boxes, scores, labels, masks, names } = decoded;
  const wrong = (what: string) =>
    new ShapeError(
      `the head decoded ${what}. Detections are { boxes: Float32Array of 4·n, scores: Float32Array of n, labels: ` +
        'Int32Array of n, names: string[] }, and `masks` where it has them.',
    );
  if (!(boxes instanceof Float32Array)) throw wrong(`boxes ${kindOf(boxes)}`);
  if (!(scores instanceof Float32Array)) throw wrong(`scores ${kindOf(scores)}`);
  if (!(labels instanceof Int32Array)) throw wrong(`labels ${kindOf(labels)}`);
  if (!isNames(names)) throw wrong(`names ${kindOf(names)}`);
  const n = scores.length;
  if (boxes.length !== 4 * n || labels.length !== n) {
    throw wrong(`${boxes.length} numbers of boxes, ${n} scores and ${labels.length} labels`);
  }
  if (masks !== undefined && !(Array.isArray(masks) && masks.length === n)) throw wrong(`${n} scores and other masks`);
  return { boxes, scores, labels, names, ...(masks && { masks }) };
}

const isNames = (names: unknown): names is readonly string[] =>
  Array.isArray(names) && names.every((name) => typeof name === 'string');

function kindOf(found: unknown): string {
  if (found === undefined || found === null) return `as ${found}`;
  return `as ${Object.prototype.toString.call(found).slice(8, -1)}`;
}
