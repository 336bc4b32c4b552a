import type { Named, NDArray } from '../arrays.ts';
import { type Dataset, datasetOf } from '../datasets/index.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { prepareDetection } from '../image/preprocess.ts';
import type { Scope, Value } from '../nn/index.ts';
import type { Detections } from '../postprocess/detections.ts';
import { foundIn, isObject } from '../validate.ts';
import type { ImageConfig, InputConfig } from './config.ts';
import {
  fitImages,
  type ImageTask,
  labelsOf,
  ofLabels,
  pickDetections,
  readAll,
  refuseViews,
  type TaskOptions,
  type TaskResult,
} from './task.ts';

/** A head that a user of the package writes, without parts on regions. Its state-dict keys begin with `head.`. */
export interface Head<Output extends string = string, Decoded = unknown> {
  /** Class names if they are always the same. They are `model.classes.custom`, and `classes` by default if `decode` returns none. */
  readonly classes?: readonly string[];
  /** Records the head on the pyramid, finest stage first. Returns outputs N×C×H×W by name. */
  forward(scope: Scope, pyramid: readonly Value[]): Readonly<Record<Output, Value>>;
  /**
   * Decodes the outputs of one image (1×C×H×W each). For detections, return `boxes` (n × xyxy in pixels of the original image), `scores`,
   * `labels` and `classes` (the names by label): they are then sorted, and cut by the caller's `score`, `max` and `classes`. Any return value is in the result as
   * `custom`. It is not awaited: a promise is handed out as it is, and no detections are seen in it.
   *
   * @param geometry sizes and scales that map the network's input back to the original image
   * @param options the caller's values, for NMS and for heads that can save work with them. `max` is absent if the caller chooses classes,
   *   since only instances of these count
   */
  decode(
    outputs: Readonly<Record<Output, NDArray>>,
    geometry: Geometry,
    options: Pick<TaskOptions, 'score' | 'iou' | 'max'>,
  ): Decoded;
}

const prefix = 'head.';

/**
 * Returns a head that a factory made.
 *
 * @param config the field `head` of the configuration
 * @throws ConfigError if it is no head, or if the configuration gives the size of images to the head, which never sees them
 */
export function checkedHead(config: Readonly<Record<string, unknown>>, head: Head): Head {
  const says = `the head "${config.type}"`;
  if (!isObject(head) || typeof head.forward !== 'function' || typeof head.decode !== 'function') {
    throw new ConfigError(`${says}: its factory returns { forward, decode }, got ${foundIn(head)}.`);
  }
  const { classes } = head;
  if (classes !== undefined && !isNames(classes)) {
    throw new ConfigError(`${says}: its classes are a list of names, got ${foundIn(classes)}.`);
  }
  const { input } = config;
  if (isObject(input) && ('scale' in input || 'divisor' in input)) {
    throw new ConfigError(
      `${says}: head.input has no effect. Images are fitted by the field "input" at the top of the configuration, beside "head".`,
    );
  }
  return head;
}

/** Wraps a custom head into a task. Its outputs have the names `head.NAME` in the part `features`. */
export function customTask(head: Head, type: string, image: ImageConfig, input: InputConfig): ImageTask {
  const dataset = head.classes && datasetOf({ classes: [...head.classes] });
  return {
    kind: 'custom',
    dataset,
    modules: ['head'],
    forward: (scope, pyramid) => {
      const outputs = Object.entries(head.forward(scope.at('head'), pyramid));
      return Object.fromEntries(outputs.map(([name, value]) => [prefix + name, value]));
    },
    parts: [],
    prepare: (images, size, scale) =>
      fitImages(images, input, size, (raster, fit) => prepareDetection(raster, { ...image, ...fit }), scale),
    check: (options) => refuseViews(`the head "${type}"`, options),
    predict: async ({ features, geometries, networkDone }, options) => {
      const { score, iou, classes } = options;
      // a head that knows no `classes` would cut before they are chosen
      const max = classes ? undefined : options.max;
      const outputs = Object.entries(await features()).filter(([name]) => name.startsWith(prefix));
      const arrays = await readAll(
        Object.fromEntries(outputs.map(([name, tensor]) => [name.slice(prefix.length), tensor])),
      );
      await networkDone();
      return geometries.map((geometry, i) => {
        const custom = head.decode(imageOf(arrays, i), geometry, { score, iou, max });
        return { custom, detections: detectionsIn(custom, dataset, options) };
      });
    },
  };
}

/** Returns image `i` of a batch as a batch of one. */
function imageOf(arrays: Named<NDArray>, i: number): Named<NDArray> {
  return Object.fromEntries(
    Object.entries(arrays).map(([name, { shape, data }]) => {
      const [batch = 1, ...rest] = shape;
      const size = data.length / batch;
      return [name, { shape: [1, ...rest], data: data.subarray(i * size, (i + 1) * size) }];
    }),
  );
}

/**
 * Returns the detections that a head decoded, best first, cut by the caller's options. Equal scores keep their order. Undefined if it
 * decoded something else.
 *
 * @throws ShapeError if they are not the arrays of a result
 * @throws ConfigError if the caller asks for an unknown class
 */
function detectionsIn(
  decoded: unknown,
  known: Dataset | undefined,
  { score = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY, classes }: TaskOptions,
): TaskResult['detections'] {
  if (!isObject(decoded) || !('boxes' in decoded)) return undefined;
  const { classes: names, ...all } = checked({ classes: known?.classes, ...decoded });
  const found = ofLabels(all, classes && labelsOf(classes, names));
  const kept = [...found.scores.entries()]
    .filter(([, value]) => value >= score)
    .sort(([i, a], [j, b]) => b - a || i - j)
    .slice(0, max)
    .map(([i]) => i);
  const dataset = names === known?.classes ? known : datasetOf({ classes: [...names] });
  return { ...pickDetections(found, kept), dataset };
}

type NamedDetections = Detections & { readonly classes: readonly string[] };

/** Checks the arrays of decoded detections. @throws ShapeError saying what was found */
function checked(decoded: Partial<Record<keyof NamedDetections, unknown>>): NamedDetections {
  const { boxes, scores, labels, masks, classes } = decoded;
  const wrong = (what: string) =>
    new ShapeError(
      `the head decoded ${what}. Detections are { boxes: Float32Array of 4·n, scores: Float32Array of n, labels: ` +
        'Int32Array of n, classes: string[] }, and `masks` if there are any.',
    );
  if (!(boxes instanceof Float32Array)) throw wrong(`boxes ${kindOf(boxes)}`);
  if (!(scores instanceof Float32Array)) throw wrong(`scores ${kindOf(scores)}`);
  if (!(labels instanceof Int32Array)) throw wrong(`labels ${kindOf(labels)}`);
  if (!isNames(classes)) throw wrong(`classes ${kindOf(classes)}`);
  const n = scores.length;
  if (boxes.length !== 4 * n || labels.length !== n) {
    throw wrong(`${boxes.length} numbers of boxes, ${n} scores and ${labels.length} labels`);
  }
  if (n > 0 && classes.length === 0) throw wrong(`${n} scores and no classes`);
  const negative = labels.findIndex((label) => label < 0);
  if (negative >= 0) throw wrong(`labels[${negative}] as ${labels[negative]}, which is no place in a list`);
  for (const [what, values] of Object.entries({ boxes, scores })) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw wrong(`${what}[${at}] as ${values[at]}, which is not a finite number`);
  }
  if (masks !== undefined && !(Array.isArray(masks) && masks.length === n))
    throw wrong(`${n} scores and another number of masks`);
  return { boxes, scores, labels, classes, masks: masks as Detections['masks'] };
}

const isNames = (names: unknown): names is readonly string[] =>
  Array.isArray(names) && names.every((name) => typeof name === 'string');

function kindOf(found: unknown): string {
  if (found === undefined || found === null) return `as ${found}`;
  return `as ${Object.prototype.toString.call(found).slice(8, -1)}`;
}
