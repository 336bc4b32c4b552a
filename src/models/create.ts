import * as z from 'zod/mini';
import { type SegmentationHeadEntry, segmentationHeads } from '../../heads/index.ts';
import type { Named, Size } from '../arrays.ts';
import { type Backbone, backbones, type Stage } from '../backbones/index.ts';
import { ConfigError, listed, shortened, unknownName } from '../errors.ts';
import { prepareDetection } from '../image/preprocess.ts';
import type { Raster } from '../image/raster.ts';
import {
  map,
  type Parameter,
  parametersOf,
  type RecordedPart,
  recorded,
  recordedByReader,
  type Scope,
  type Value,
} from '../nn/index.ts';
import { atOnce, inSlices, type Pause, type Sliced } from '../slices.ts';
import { checkNumbers, foundIn, isObject, validate } from '../validate.ts';
import { checkBackbone } from './check_backbone.ts';
import { classificationTask } from './classification.ts';
import {
  cascadeConfig,
  type DetectionConfig,
  defaultInput,
  type ModelConfig,
  modelSchema,
  type ResolvedConfig,
  rcnnConfig,
  retinaNetConfig,
} from './config.ts';
import { checkedHead, customTask, type Head } from './custom.ts';
import { type DetectorEntry, detectionTask } from './detection.ts';
import { poseTask } from './pose.ts';
import { rcnn } from './rcnn.ts';
import { retinanet } from './retinanet.ts';
import { segmentationTask } from './segmentation.ts';
import { byName, fitImages, type Inputs, named, type Task, type TaskKind } from './task.ts';

const detectorTable = {
  mask_rcnn: { config: rcnnConfig, make: rcnn },
  cascade_mask_rcnn: { config: cascadeConfig, make: rcnn },
  retinanet: { config: retinaNetConfig, make: retinanet },
} as const;

/** The content of the table of detectors. */
export type Detectors = typeof detectorTable;
/** Detectors by their `type` in a configuration. */
export const detectors: Detectors = detectorTable;

/** Custom parts that a configuration can name by `type`, merged with the package's: `{ backbones: { mine } }`. */
export interface Tables {
  /** Factories of backbones, each called with its field of the configuration. */
  // biome-ignore lint/suspicious/noExplicitAny: each factory knows the shape of its config
  readonly backbones?: Readonly<Record<string, (config: any) => Backbone>> | undefined;
  /** Factories of custom heads, each called with the field `head` and the stages that feed it. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly heads?: Readonly<Record<string, (config: any, stages: readonly Stage[]) => Head>> | undefined;
  /** Detectors with their schemas. */
  readonly detectors?: Readonly<Record<string, DetectorEntry>> | undefined;
  /** Segmentation heads with their schemas. */
  readonly segmentationHeads?: Readonly<Record<string, SegmentationHeadEntry>> | undefined;
}

/** A model as recorded parts, and tasks that do the arithmetic between them. It has no weights and no engine. */
export interface ModelDefinition {
  readonly config: ResolvedConfig;
  readonly backbone: Backbone;
  readonly stages: readonly Stage[];
  /** The image to the pyramid (`stage0`, `stage1`, …), under the keys that the backbone has in this model. */
  readonly pyramid: RecordedPart;
  /** `features` takes the image to the pyramid and to all outputs that need no regions. The others run on regions. */
  readonly parts: Named<RecordedPart>;
  /** Names of the outputs of `features` by the task that reads them; those of `stages` make the pyramid. */
  readonly outputs: Readonly<Partial<Record<TaskKind | 'stages', readonly string[]>>>;
  /** The auxiliary head on the pyramid. It is in the checkpoint but never runs. */
  readonly auxiliary: RecordedPart | undefined;
  /** Tasks in the order detection, segmentation, classification, pose, custom. Empty for a bare backbone. */
  readonly tasks: readonly Task[];
  /**
   * Turns images into the input of `features`, as the first task needs it.
   *
   * @param size edges to fit images between, or the crop of a classification, instead of the configuration's
   */
  prepare(images: readonly Raster[], size?: Size): Inputs;
  /**
   * Does what `prepare` does in slices, with a pause between them if one is due.
   *
   * @param scale factor of the edges that images are fitted between, by default 1
   */
  prepareInSlices(images: readonly Raster[], size: Size | undefined, pause: Pause, scale?: number): Promise<Inputs>;
}

/**
 * Builds a model from its configuration. Each part is recorded once, when its graph is first asked for.
 *
 * @throws ConfigError naming the field, its value and the nearest known name
 */
export function createModel<T extends Tables = Record<never, never>>(
  config: ModelConfig<T>,
  custom?: T & Tables,
): ModelDefinition {
  const what = isObject(config) && typeof config.name === 'string' ? shortened(config.name) : 'config';
  return createNamedModel(config, what, custom);
}

/** Does what `createModel` does. @param what names the configuration in messages: the file that has it */
export function createNamedModel(config: unknown, what: string, custom?: Tables): ModelDefinition {
  const tables = checkedTables(custom);
  const { resolved, backbone, tasks } = assembled(config, what, tables);
  const { stages } = backbone;

  const inputs = { image: map(backbone.imageChannels ?? 3) };
  const onImage = tasks.find((task) => task.onImage)?.onImage;
  const onBackbone = (scope: Scope, values: Named<Value>) => {
    const image = byName(values, 'image');
    if (onImage) return onImage(scope, image);
    // the official keys of a bare backbone begin at the root, those of a dense model with `backbone.`
    const at = tasks.length > 0 ? scope.at('backbone') : scope;
    return { pyramid: backbone.forward(at, image), outputs: {} };
  };
  /** Records the outputs of the part `features` by who reads them. */
  const byReader = (scope: Scope, values: Named<Value>): Named<Named<Value>> => {
    const { pyramid, outputs } = onBackbone(scope, values);
    const ofTasks = tasks.map((task) => [task.kind, task.onImage ? outputs : task.forward(scope, pyramid)] as const);
    return { stages: named('stage', pyramid), ...Object.fromEntries(ofTasks) };
  };
  const others = tasks.flatMap((task) => task.parts);
  const taken = new Set(others.flatMap((part) => Object.keys(part.inputs)));
  const features = recordedByReader('features', inputs, byReader, [...taken]);
  const parts = [features, ...others.map(recorded)];
  const preparation = (images: readonly Raster[], size: Size | undefined, scale?: number): Sliced<Inputs> => {
    const [first] = tasks;
    if (first) return first.prepare(images, size, scale);
    const { image, input = defaultInput } = resolved;
    return fitImages(images, input, size, (raster, fit) => prepareDetection(raster, { ...image, ...fit }), scale);
  };
  return {
    config: resolved,
    backbone,
    stages,
    pyramid: recorded({
      name: 'backbone',
      inputs,
      forward: (scope, values) => named('stage', onBackbone(scope, values).pyramid),
    }),
    parts: Object.fromEntries(parts.map((part) => [part.name, part])),
    get outputs() {
      return features.readers;
    },
    auxiliary: auxiliaryPart(tasks, stages),
    tasks,
    prepare: (images, size) => atOnce(preparation(images, size)),
    prepareInSlices: (images, size, pause, scale) => inSlices(preparation(images, size, scale), pause),
  };
}

/** Returns the state-dict entries that the model runs with. A checkpoint must fill all of them. */
export function modelParameters(definition: ModelDefinition): Parameter[] {
  checkDefinition(definition, 'modelParameters');
  return parametersOfParts(Object.values(definition.parts));
}

/** Checks that a caller gives a model. @throws ConfigError */
export function checkDefinition(value: unknown, call: string): void {
  if (isObject(value) && isObject(value.parts) && isObject(value.config)) return;
  throw new ConfigError(`${call} takes a model as createModel(config) returns it, got ${foundIn(value)}.`);
}

/** Returns the state-dict entries of the published checkpoint, with those of the auxiliary head. */
export function checkpointParameters({ parts, auxiliary }: ModelDefinition): Parameter[] {
  return parametersOfParts([...Object.values(parts), ...(auxiliary ? [auxiliary] : [])]);
}

function parametersOfParts(parts: readonly RecordedPart[]): Parameter[] {
  const all = parts.flatMap((part) => parametersOf(part.graph));
  return [...new Map(all.map((parameter) => [parameter.key, parameter])).values()];
}

/**
 * Checks a whole configuration: its fields, and that its parts fit each other. A custom head is checked if it is in the tables.
 *
 * @param what names the configuration in messages: its name, or its file
 * @throws ConfigError or UnsupportedError that begins with it
 */
export function checkConfig(config: unknown, what: string, custom: Tables = {}): void {
  const tables = checkedTables(custom);
  const head = isObject(config) && isObject(config.head) ? `${config.head.type}` : '';
  const isKnown = tables.heads !== undefined && Object.hasOwn(tables.heads, head);
  assembled(isObject(config) && !isKnown ? { ...config, head: undefined } : config, what, tables);
}

/** Builds backbone and tasks. Nothing is recorded yet. */
function assembled(config: unknown, what: string, tables: Tables) {
  const resolved = resolveConfig(config, what, tables);
  try {
    const backbone = backboneOf(resolved, tables);
    const tasks = tasksOf(resolved, backbone, tables);
    checkTasks(tasks, resolved);
    return { resolved, backbone, tasks };
  } catch (error) {
    // parts that do not fit each other: their messages name fields, but not the configuration
    if (error instanceof ConfigError && what !== 'config') {
      throw new ConfigError(`${what}: ${error.message}`, { cause: error });
    }
    throw error;
  }
}

const functions = (of: string) =>
  z.record(
    z.string(),
    z.custom((entry) => typeof entry === 'function', { error: of }),
  );
const entries = z.record(
  z.string(),
  z.custom(
    (entry) => isObject(entry) && isObject(entry.config) && '_zod' in entry.config && typeof entry.make === 'function',
    {
      error: 'must be { config, make }: a zod schema and a function',
    },
  ),
);
const tablesSchema = z.looseObject({
  backbones: z.optional(functions('must be a function that makes a backbone')),
  heads: z.optional(functions('must be a function that makes a head')),
  detectors: z.optional(entries),
  segmentationHeads: z.optional(entries),
});

/** Checks tables of custom parts, among which other options may be. @throws ConfigError naming the entry */
function checkedTables(tables: Tables | null | undefined): Tables {
  if (tables === undefined || tables === null) return {};
  validate(tablesSchema, tables, 'tables of custom parts');
  return tables;
}

/**
 * Fills in what a configuration leaves out. Only parts with a schema are checked here; a custom backbone or head checks its own field.
 *
 * @param what names the configuration in messages: its name, or its file
 * @throws ConfigError naming the field, its value and the nearest known name
 */
export function resolveConfig(config: unknown, what: string, tables: Tables = {}): ResolvedConfig {
  if (typeof config === 'string') {
    throw new ConfigError(
      `${what}: a configuration is an object, got ${foundIn(config)}. That of a published model is findEntry(name).config.`,
    );
  }
  const known = Object.keys({ ...backbones, ...tables.backbones });
  const { backbone, ...others } = (config ?? {}) as Partial<ModelConfig>;
  const type: unknown = backbone?.type;
  if (typeof type !== 'string') {
    throw new ConfigError(`${what}: backbone.type is missing. Known: ${known.join(', ')}.${otherKind(config, tables)}`);
  }
  if (!known.includes(type)) throw new ConfigError(`${what}: ${unknownName('backbone', type, known)}`);
  const schema = schemaOf(tables);
  if (Object.hasOwn(backbones, type)) {
    const resolved = validate(schema, config, what);
    const { head: _, ...checked } = resolved; // a custom head checks its numbers itself
    checkNumbers(checked, what);
    return resolved;
  }
  const rest = validate(z.omit(schema, { backbone: true }), others, what);
  return { ...rest, backbone: backbone as ResolvedConfig['backbone'] };
}

/** Says that what has none of the fields of a configuration is hardly one, such as labels of COCO. */
function otherKind(config: unknown, tables: Tables): string {
  const fields = isObject(config) ? Object.keys(config) : [];
  if (fields.length === 0 || fields.some((field) => Object.hasOwn(schemaOf(tables).shape, field))) return '';
  return ` It has ${listed(fields.map(shortened), 4)} instead, so it is no configuration.`;
}

const packageSchema = modelSchema({ detectors, segmentationHeads });

/** Builds a schema only if a caller adds parts that have one. */
function schemaOf({ detectors: moreDetectors, segmentationHeads: moreHeads }: Tables): typeof packageSchema {
  if (!moreDetectors && !moreHeads) return packageSchema;
  return modelSchema({
    detectors: { ...detectors, ...moreDetectors },
    segmentationHeads: { ...segmentationHeads, ...moreHeads },
  });
}

function backboneOf({ backbone: config }: ResolvedConfig, tables: Tables): Backbone {
  const custom = tables.backbones && Object.hasOwn(tables.backbones, config.type);
  const known: NonNullable<Tables['backbones']> = { ...backbones, ...tables.backbones };
  const backbone = (known[config.type] as (config: unknown) => Backbone)(config); // resolveConfig has checked the type
  if (custom) checkBackbone(config.type, backbone);
  return backbone;
}

function tasksOf(config: ResolvedConfig, backbone: Backbone, tables: Tables): Task[] {
  const { detection, segmentation, classification, pose, head, image } = config;
  const { stages } = backbone;
  const tasks: Task[] = [];
  if (detection) {
    const known: Readonly<Record<string, unknown>> = { ...detectors, ...tables.detectors };
    // the schema has checked the type, and that the field fits it
    tasks.push(detectionTask(detection, image, stages, known[detection.type] as DetectorEntry<DetectionConfig>));
  }
  if (segmentation) {
    tasks.push(segmentationTask(segmentation, image, stages, { ...segmentationHeads, ...tables.segmentationHeads }));
  }
  if (classification) tasks.push(classificationTask(classification, image, backbone, config.backbone.type));
  if (pose) tasks.push(poseTask(pose, image, stages));
  if (head) tasks.push(customTask(headOf(head, stages, tables), head.type, image, config.input ?? defaultInput));
  return tasks;
}

/** Checks that tasks can share a model. @throws ConfigError if they cannot */
function checkTasks(tasks: readonly Task[], { input }: ResolvedConfig): void {
  if (input && tasks.some(({ kind }) => kind !== 'custom')) {
    throw new ConfigError(
      'the top-level "input" is for a custom head or a bare backbone: other tasks have an "input" in their own field.',
    );
  }
  const owner = new Map<string, Task>();
  for (const task of tasks) {
    if ((task.onImage || task.inCrops) && tasks.length > 1)
      throw new ConfigError(`${task.kind} cannot share a model with other tasks.`);
    for (const module of task.modules) {
      const other = owner.get(module);
      if (other) {
        throw new ConfigError(
          `${other.kind} and ${task.kind} cannot share a model: both keep weights under "${module}.".`,
        );
      }
      owner.set(module, task);
    }
  }
}

function headOf(config: { type: string }, stages: readonly Stage[], { heads = {} }: Tables): Head {
  const { type } = config;
  const make = Object.hasOwn(heads, type) ? heads[type] : undefined;
  if (make) return checkedHead(config, make(config, stages));
  const names = Object.keys(heads);
  if (names.length > 0) throw new ConfigError(unknownName('head', type, names));
  throw new ConfigError(`unknown head "${type}": pass it as createModel(config, { heads: { ${type} } }).`);
}

function auxiliaryPart(tasks: readonly Task[], stages: readonly Stage[]): RecordedPart | undefined {
  const heads = tasks.flatMap(({ auxiliary }) => auxiliary ?? []);
  if (heads.length === 0) return undefined;
  return recorded({
    name: 'auxiliary',
    inputs: named(
      'stage',
      stages.map(({ channels }) => map(channels)),
    ),
    forward: (scope, inputs) => Object.assign({}, ...heads.map((auxiliary) => auxiliary(scope, Object.values(inputs)))),
  });
}
