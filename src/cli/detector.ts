import { type Command, InvalidArgumentError } from 'commander';
import { unknownName } from '../errors.ts';
import type { Model, ModelConfig, Predictor } from '../node.ts';
import { unitInterval } from './arguments.ts';
import { UsageError } from './failure.ts';
import { type ChosenModel, chooseConfig, chooseModel, type Library } from './model.ts';

/** Loading a model and the detector in front of a pose model, for the commands that run them. */

/** The options of the command line about the boxes of poses. */
export interface DetectorWords {
  readonly detector?: string;
  readonly detectorWeights?: string;
  /** The class whose boxes are taken, of a detector or of a file of boxes. */
  readonly detectorClass?: string;
  /** The least score of a box. */
  readonly detectorScore?: number;
  readonly oks?: number;
}

/** A detector that a command line names, as plain data. */
export interface ChosenDetector {
  readonly model: ChosenModel;
  readonly config: ModelConfig;
  /** The class whose boxes are taken; by default that of the pose model. */
  readonly class: string | undefined;
  /** By default 0.3; `configured` is that of the detector's configuration. */
  readonly score: number | 'configured' | undefined;
  readonly oks: number | undefined;
}

/** Adds the options. @param flags how the detector is named; the other two are defaults, for the help */
export const addDetectorOptions = (
  command: Command,
  { flags = '-d, --detector', score = '0.3', oks = '0.9 with --detector, else none' } = {},
): Command =>
  command
    .option(`${flags} <model>`, 'the detector that finds the boxes: a name, a config.json or a checkpoint')
    .option('--detector-weights <file>', "the detector's weights, if it does not bring them")
    .option(
      '--detector-class <name>',
      'the class whose boxes are taken (default: that of the pose model, such as person)',
    )
    .option('--detector-score <least>', `take boxes with at least this score (default: ${score})`, unitInterval)
    .option(
      '--oks <share>',
      `drop a pose that is so similar to a better one, 1 for none (default: ${oks})`,
      positiveShare,
    );

function positiveShare(text: string): number {
  const share = unitInterval(text);
  if (share > 0) return share;
  throw new InvalidArgumentError('Expected a number above 0, up to 1.');
}

/**
 * Finds the detector. Undefined if none is named.
 *
 * @throws UsageError as `chooseModel`, or if words about a detector have none
 */
export async function chooseDetector(
  library: Library,
  { detector, detectorWeights, detectorClass, detectorScore, oks }: DetectorWords,
  pull: boolean | undefined,
): Promise<ChosenDetector | undefined> {
  if (detector === undefined) {
    if (detectorWeights !== undefined) throw new UsageError('--detector-weights needs --detector: name the detector.');
    return undefined;
  }
  const options = { model: '--detector', weights: '--detector-weights' };
  const model = chooseModel(library, detector, { weights: detectorWeights, task: 'any', pull, options });
  const config = await chooseConfig(library, detector);
  return { model, config, class: detectorClass, score: detectorScore, oks };
}

/** @throws UsageError if words about boxes have none */
export function checkBoxWords({
  detector,
  boxes,
  detectorClass,
  detectorScore,
}: DetectorWords & { boxes?: string }): void {
  if (detector !== undefined || boxes !== undefined) return;
  const lost = detectorClass !== undefined ? '--detector-class' : detectorScore !== undefined ? '--detector-score' : '';
  if (lost) throw new UsageError(`${lost} needs --detector or --boxes: without them each image is one box.`);
}

/** Returns the class of a pose model, whose boxes it needs. */
export const classOfPose = ({ poseDatasetOf }: Library, pose: NonNullable<ModelConfig['pose']>): string =>
  poseDatasetOf(pose).classes[0] ?? 'person';

/**
 * Checks that a detector has the class that a pose model needs, before their weights are loaded.
 *
 * @param name the pose model's name in messages
 * @throws UsageError with the names of both
 */
export function checkDetector(library: Library, detector: ChosenDetector, name: string, { pose }: ModelConfig): void {
  const { model, config } = detector;
  if (!pose) throw new UsageError(`${name} finds no poses, so --detector cannot be used. Give a pose model.`);
  if (!config.detection) throw new UsageError(`${model.name} does not detect instances. Give another --detector.`);
  const wanted = detector.class ?? classOfPose(library, pose);
  const known = library.datasetOf(config.detection).classes;
  if (known.includes(wanted)) return;
  const why = detector.class === undefined ? `${name} needs boxes of "${wanted}"` : `--detector-class is "${wanted}"`;
  throw new UsageError(
    `${why}, which the detector ${model.name} does not find: ${unknownName('class', wanted, known)} Choose another --detector, or a --detector-class.`,
  );
}

/** The predictor that runs the images of a command. */
export interface LoadedPredictor {
  readonly predictor: Predictor;
  /** The model itself, without its detector. */
  readonly model: Model;
}

/** The model to load and how to load it: plain data, by which each worker loads the same. */
export interface LoadChoice {
  readonly model: ChosenModel;
  /** Finds the boxes for poses. */
  readonly detector?: ChosenDetector | undefined;
  /** The averaged weights, or those that are not; by default the file or the published entry decides. */
  readonly ema?: boolean | undefined;
  /** The keys of the checkpoint that count begin with it. */
  readonly prefix?: string | undefined;
  /** Keys of the checkpoint that do not count. */
  readonly ignore?: readonly string[] | undefined;
  readonly engine?: string | undefined;
  /** The execution provider of onnxruntime. */
  readonly device?: string | undefined;
}

type Loading = Pick<NonNullable<Parameters<Library['loadModel']>[1]>, 'threads' | 'pull' | 'configure' | 'onProgress'>;

/** Loads a model, and its detector if there is one; the detector runs on the same engine. */
export async function loadPredictor(
  library: Library,
  { model: { ref }, detector, ema, prefix, ignore, engine, device }: LoadChoice,
  { configure, ...loading }: Loading,
): Promise<LoadedPredictor> {
  const both = { ...loading, engine, device };
  const model = await library.loadModel(ref, { ...both, ema, prefix, ignore, configure });
  if (!detector) return { predictor: model, model };
  try {
    const found = await library.loadModel(detector.model.ref, { ...both, configure: withoutOthers });
    const { class: name, oks } = detector;
    const score = detector.score === 'configured' ? found.config.detection?.test.score : detector.score;
    return { predictor: library.withDetector(model, found, { class: name, score, oks }), model };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

/** Drops the heads that boxes do not need. */
function withoutOthers({ detection, ...config }: ModelConfig): ModelConfig {
  const boxes = detection && 'mask' in detection ? { ...detection, mask: undefined } : detection;
  return { ...config, segmentation: undefined, detection: boxes };
}
