import { necks } from '../../heads/index.ts';
import type { Named, NDArray } from '../arrays.ts';
import { type Backbone, backbones, type ClassifierBackbone, type Stage } from '../backbones/index.ts';
import { ConfigError, shortened, unknownName } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { map, type Parameter, type Part, parametersOf, recordPart, type Scope, type Value } from '../nn/index.ts';
import { checkNumbers, validate } from '../validate.ts';
import { checkBackbone } from './check_backbone.ts';
import { type Classifier, classifier } from './classification.ts';
import { type DetectorConfig, type ModelConfig, modelConfig, type ResolvedConfig } from './config.ts';
import type { DetectOptions, Detector } from './detector.ts';
import { detectorOn } from './detectors.ts';
import { type Segmentor, segmentor } from './segmentation.ts';

/** A single-pass head: what a user of the package writes. Its keys lie under `head.`, its outputs have the names `Output`. */
export interface Head<Output extends string = string, Result = unknown> {
  /** Names of its classes, where they are always the same: what `model.classes.head` says, and `names` unless `decode` gives them. */
  readonly classes?: readonly string[];
  /** Records the head on the pyramid, finest stage first: outputs N×C×H×W by their names. */
  forward(scope: Scope, pyramid: readonly Value[]): Readonly<Record<Output, Value>>;
  /**
   * From the outputs of one image (1×C×H×W) to what the result is to hold: `boxes`, `scores`, `labels` and `names` for
   * detections in the original image's pixels, anything else under `head`. Of detections the caller's least `score`, `max` and
   * `classes` are applied to what is returned; `options` is for those that can save work, and for `iou`.
   */
  decode(outputs: Readonly<Record<Output, NDArray>>, geometry: Geometry, options: DetectOptions): Result;
}

/** Backbones and heads by the `type` that a config names. Add your own: `{ backbones: { ...backbones, mine } }`. */
export interface Tables {
  /** Makes a backbone of its field in a configuration. */
  // biome-ignore lint/suspicious/noExplicitAny: each factory knows the shape of its own config
  readonly backbones?: Readonly<Record<string, (config: any) => Backbone>>;
  /** Makes a head of its field in a configuration, for the stages that feed it. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly heads?: Readonly<Record<string, (config: any, stages: readonly Stage[]) => Head>>;
}

/** A model as parts to be recorded, and the arithmetic between them. No weights, no engine. */
export interface ModelDefinition {
  readonly config: ResolvedConfig;
  readonly backbone: Backbone;
  readonly stages: readonly Stage[];
  /** The image to the pyramid (`stage0` and on): what heads stand on, under the keys that it has in this model. */
  readonly trunk: Part;
  /** `features` takes the image to the pyramid and to everything that needs no regions; the others run on regions. */
  readonly parts: Named<Part>;
  /** The auxiliary head on the pyramid: in the checkpoint, but not run. */
  readonly auxiliary?: Part;
  readonly detector?: Detector;
  readonly segmentor?: Segmentor;
  readonly classifier?: Classifier;
  readonly head?: Head;
}

/**
 * Builds a model from its configuration.
 *
 * @throws ConfigError naming the field, what it holds and the nearest known name
 */
export function createModel(config: ModelConfig, tables: Tables = {}): ModelDefinition {
  const known: NonNullable<Tables['backbones']> = { ...backbones, ...tables.backbones };
  const resolved = resolveConfig(config, shortened(`${config?.name ?? 'config'}`), tables);
  const backbone = known[resolved.backbone.type]!(resolved.backbone);
  if (tables.backbones && Object.hasOwn(tables.backbones, resolved.backbone.type)) {
    checkBackbone(resolved.backbone.type, backbone);
  }
  const { stages } = backbone;

  const detector = resolved.detection && detectorOf(resolved.detection, stages);
  const semantic = resolved.segmentation && segmentor(resolved.segmentation, stages);
  const head = resolved.head && ownHead(resolved.head, stages, tables);
  const classification = resolved.classification && classifier(resolved.classification);
  if (classification && !('classify' in backbone)) {
    throw new ConfigError(`the backbone "${resolved.backbone.type}" has no classifier.`);
  }
  const dense = detector || semantic || head;
  if (resolved.input && (detector || semantic || classification)) {
    throw new ConfigError(
      'the top-level "input" is for a head of one\'s own or a bare backbone: other heads have an "input" in their own part.',
    );
  }
  if (detector && resolved.segmentation?.neck) {
    throw new ConfigError(
      'a detector and a segmentor with a neck cannot share a model: both keep its weights under "neck.".',
    );
  }
  if (classification && dense) throw new ConfigError('a classifier cannot share a model with other heads.');

  const inputs = { image: map(backbone.imageChannels ?? 3) };
  const onImage = (scope: Scope, image: Value): { pyramid: readonly Value[]; logits?: Value } => {
    if (classification) return (backbone as ClassifierBackbone).classify(scope, image, classification.classes.length);
    // the official layouts: a bare backbone's keys begin at the root, a dense model's under `backbone.`
    return { pyramid: backbone.forward(dense ? scope.at('backbone') : scope, image) };
  };
  const trunk: Part = {
    name: 'trunk',
    inputs,
    forward: (scope, { image }) => stageOutputs(onImage(scope, image!).pyramid),
  };
  const features: Part = {
    name: 'features',
    inputs,
    forward: (scope, { image }) => {
      const { pyramid, logits } = onImage(scope, image!);
      return {
        ...stageOutputs(pyramid),
        ...(logits && { logits }),
        ...detector?.forward(scope, pyramid),
        ...semantic?.forward(scope, pyramid),
        ...(head && prefixed('head.', head.forward(scope.at('head'), pyramid))),
      };
    },
  };
  const auxiliary: Part | undefined = semantic?.auxiliary && {
    name: 'auxiliary',
    inputs: Object.fromEntries(stages.map(({ channels }, i) => [`stage${i}`, map(channels)])),
    forward: (scope, pyramid) => semantic.auxiliary!(scope, Object.values(pyramid)),
  };
  const parts = [features, ...(detector?.parts ?? [])];
  return {
    config: resolved,
    backbone,
    stages,
    trunk,
    parts: Object.fromEntries(parts.map((part) => [part.name, part])),
    ...(auxiliary && { auxiliary }),
    ...(detector && { detector }),
    ...(semantic && { segmentor: semantic }),
    ...(classification && { classifier: classification }),
    ...(head && { head }),
  };
}

/** Every state-dict entry that the model runs with: what a checkpoint must fill. */
export function modelParameters({ parts }: ModelDefinition): Parameter[] {
  return parametersOfParts(Object.values(parts));
}

/** Every entry of the published checkpoint, the auxiliary head's included. */
export function checkpointParameters({ parts, auxiliary }: ModelDefinition): Parameter[] {
  return parametersOfParts([...Object.values(parts), ...(auxiliary ? [auxiliary] : [])]);
}

function parametersOfParts(parts: readonly Part[]): Parameter[] {
  const all = parts.flatMap((part) => parametersOf(recordPart(part)));
  return [...new Map(all.map((parameter) => [parameter.key, parameter])).values()];
}

/**
 * Fills in what a configuration leaves out. Only a backbone that is known here has a schema; one's own checks its own
 * config.
 *
 * @param what names the configuration in the message: its name, or its file
 * @throws ConfigError naming the field, what it holds and the nearest known name
 */
export function resolveConfig(config: unknown, what: string, tables: Tables = {}): ResolvedConfig {
  const known = Object.keys({ ...backbones, ...tables.backbones });
  const { backbone, ...others } = (config ?? {}) as Partial<ModelConfig>;
  const type: unknown = backbone?.type;
  if (typeof type !== 'string') {
    throw new ConfigError(`${what}: a config names its backbone as backbone.type. Known: ${known.join(', ')}.`);
  }
  if (!known.includes(type)) throw new ConfigError(`${what}: ${unknownName('backbone', type, known)}`);
  if (Object.hasOwn(backbones, type)) {
    const resolved = validate(modelConfig, config, what);
    const { head: _, ...checked } = resolved; // a head of one's own has numbers of its own
    checkNumbers(checked, what);
    return resolved;
  }
  const rest = validate(modelConfig.omit({ backbone: true }), others, what);
  return { ...rest, backbone: backbone as ResolvedConfig['backbone'] };
}

/** @throws ConfigError where the backbone has not the four stages that detectors are made for */
function detectorOf(config: DetectorConfig, stages: readonly Stage[]): Detector {
  if (stages.length !== 4) {
    throw new ConfigError(`a detector needs a backbone of four stages, this one has ${stages.length}.`);
  }
  return detectorOn(config, necks[config.neck.type](config.neck, stages));
}

function ownHead(config: { type: string }, stages: readonly Stage[], { heads = {} }: Tables): Head {
  const make = Object.hasOwn(heads, config.type) ? heads[config.type] : undefined;
  if (!make) {
    const names = Object.keys(heads);
    const none = `unknown head "${config.type}": hand it in as createModel(config, { heads: { ${config.type} } }).`;
    throw new ConfigError(names.length > 0 ? unknownName('head', config.type, names) : none);
  }
  return make(config, stages);
}

const stageOutputs = (pyramid: readonly Value[]): Named<Value> =>
  prefixed('stage', Object.fromEntries(pyramid.entries()));

function prefixed(prefix: string, values: Named<Value>): Named<Value> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [`${prefix}${name}`, value]));
}
