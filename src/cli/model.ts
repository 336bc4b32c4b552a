import { existsSync, readdirSync, statSync } from 'node:fs';
import { nearestName, unknownName } from '../errors.ts';
import type { ModelConfig, TaskKind, ZooEntry } from '../node.ts';
import { checkFile, readGiven } from './arguments.ts';
import { UsageError } from './failure.ts';

/** The model that a command line names, and whether it can do what is asked of it. */

export type Library = typeof import('../node.ts');

/** The tasks that the command line shows, in the words of configurations, results and options. */
export const kinds = ['detection', 'segmentation', 'classification', 'pose'] as const satisfies readonly TaskKind[];
export type Kind = (typeof kinds)[number];

/** The commands on images, each with its task; `predict` does every task that the model has. */
export const commandOf = {
  detection: 'detect',
  segmentation: 'segment',
  classification: 'classify',
  pose: 'pose',
} as const;
export type TaskCommand = 'predict' | (typeof commandOf)[Kind];

/** Lists the tasks of a model. */
export const kindsOf = (config: ModelConfig): Kind[] => kinds.filter((kind) => config[kind]);

const refusals = {
  detect: 'does not detect instances',
  segment: 'does not segment',
  classify: 'does not classify',
  pose: 'finds no poses',
} as const;

/**
 * @param name the model's name in messages
 * @throws UsageError if the model cannot do the task, with what it can do and with models that can
 */
export function checkTask(task: TaskCommand, name: string, config: ModelConfig): void {
  const [first, ...more] = kindsOf(config).map((kind) => commandOf[kind]);
  if (first === undefined) {
    throw new UsageError(`${name} has no head: there is nothing to show. See \`moganet models\`.`);
  }
  if (task === 'predict' || [first, ...more].includes(task)) return;
  const use = `Use \`moganet ${more.length > 0 ? 'predict' : first}\``;
  if (task !== 'classify' && task !== 'pose') throw new UsageError(`${name} ${refusals[task]}. ${use}.`);
  throw new UsageError(`${name} ${refusals[task]}. ${use}, or another model. ${howTo(task)}`);
}

/** The tasks that the shipped model does not do, with their names in `moganet models` and an example. */
const tasksOfOthers = {
  classify: { kind: 'classification', example: 'moganet_xt' },
  pose: { kind: 'pose', example: 'moganet_t_coco_256x192' },
} as const;

/** Names a model for a task, and says how to see the others and how to get its weights. */
function howTo(task: keyof typeof tasksOfOthers): string {
  const { kind, example } = tasksOfOthers[task];
  return `For example: --model ${example}. \`moganet models --task ${kind}\` lists the models.\n${otherClasses(ownCommand(), task)}`;
}

/** Which instances are wanted: options of `predict` and `detect`. */
export interface InstanceChoice {
  /** As given: names, or several with commas between them. */
  readonly classes?: readonly string[] | undefined;
  readonly max?: number | undefined;
  readonly iou?: number | undefined;
}

/**
 * Checks the choice against a model.
 *
 * @param name the model's name in messages
 * @returns options of the library's `predict`, with single names as `classes`
 * @throws UsageError for an unknown class, or if the model detects no instances
 */
export function chooseInstances(
  { datasetOf }: Library,
  { classes, max, iou }: InstanceChoice,
  name: string,
  { detection, pose }: ModelConfig,
): InstanceChoice {
  const given = Object.entries({ classes, max, iou }).flatMap(([key, value]) =>
    value === undefined ? [] : `--${key}`,
  );
  if (given.length === 0) return {};
  if (pose && given.every((option) => option === '--max')) return { max };
  if (!detection) throw new UsageError(`${name} does not detect instances, so ${given.join(' and ')} cannot be used.`);
  const names = classes?.flatMap((text) => namesIn(text, datasetOf(detection).classes));
  return { classes: names, max, iou };
}

/** A class name may contain a comma. */
export function namesIn(text: string, known: readonly string[]): string[] {
  if (known.includes(text)) return [text];
  return text.split(',').map((word) => {
    const name = word.trim();
    if (!known.includes(name)) throw new UsageError(unknownName('class', name, known));
    return name;
  });
}

const published = [
  {
    task: 'detect',
    classes: 'COCO, 80 classes (people, cars, animals, furniture, …), boxes and masks',
    model: 'mask_rcnn_moganet_xt_fpn_1x_coco',
  },
  {
    task: 'segment',
    classes: 'ADE20K, 150 classes (wall, sky, road, tree, …), every pixel',
    model: 'upernet_moganet_xt_512x512_160k_ade20k',
  },
  {
    task: 'classify',
    classes: 'ImageNet, 1000 classes (animals, vehicles, tools, food, …), the whole image',
    model: 'moganet_xt',
  },
  {
    task: 'pose',
    classes: 'COCO, 17 keypoints of people (eyes, shoulders, knees, …), in the boxes that a detector finds',
    model: 'moganet_t_coco_256x192',
    detector: 'mask_rcnn_moganet_xt_fpn_1x_coco',
  },
] as const;

/**
 * Says how to get from the shipped model's classes to others: in the help, after the demo, and if nothing is found.
 *
 * @param command how the command line is called: `moganet`, `npx moganet`, …
 * @param task only models for this one
 */
export function otherClasses(command: string, task: TaskCommand = 'predict'): string {
  const rows = published.filter((row) => task === 'predict' || row.task === task);
  const lines = rows.flatMap(({ classes, model, ...row }) => {
    const [models, use] =
      'detector' in row
        ? [`${model} ${row.detector}`, `pose photo.jpg --model ${model} --detector ${row.detector}`]
        : [model, `${task} photo.jpg --model ${model}`];
    return ['', `  ${classes}:`, `    ${command} pull ${models}`, `    ${command} ${use}`];
  });
  const first =
    task === 'pose'
      ? 'Pose models come with the official weights, which are downloaded once:'
      : 'More classes come with the official weights, which are downloaded once:';
  return [first, ...lines, '', `All models: ${command} models`].join('\n');
}

/** How to call the command line again; a checkout runs it uncompiled. Without -s npm writes its own lines to stdout. */
export const ownCommand = (): string => (import.meta.url.endsWith('.ts') ? 'npm run -s moganet --' : 'npx moganet');

/** What `--model` and `--weights` mean. */
export interface ChosenModel {
  /** Its name in messages. */
  readonly name: string;
  /** For `loadModel`. */
  readonly ref: { readonly config?: ModelConfig | string; readonly weights?: string | undefined };
}

export interface ChooseOptions {
  readonly weights?: string | undefined;
  /** What the model must be able to do, by default anything that gives a result. */
  readonly task?: TaskCommand | 'any';
  /** Published weights may be downloaded. */
  readonly pull?: boolean | undefined;
  /** The options that name the model and its weights, for messages. By default `--model` and `--weights`. */
  readonly options?: { readonly model: string; readonly weights: string } | undefined;
}

const usualOptions = { model: '--model', weights: '--weights' };

/**
 * Finds a model by its name, its configuration file or its checkpoint, and weights if they do not come with it.
 *
 * @throws UsageError saying where the weights come from, which name was meant, or that the named model cannot do the task
 */
export function chooseModel(library: Library, model: string | undefined, options: ChooseOptions = {}): ChosenModel {
  const { weights, options: words = usualOptions } = options;
  if (weights !== undefined) checkFile(weights);
  if (model === undefined && weights !== undefined) return { name: weights, ref: { weights } };
  if (model === undefined) {
    if (options.task === 'classify' || options.task === 'pose') {
      const { task } = options;
      throw new UsageError(`${task} needs --model: the shipped model ${refusals[task]}. ${howTo(task)}`);
    }
    return named(library, 'facade', options);
  }
  if (isConfig(model)) {
    const config = readConfigFile(library, model);
    return { name: model, ref: { config, weights: weights ?? weightsByName(library, config, model, words.weights) } };
  }
  if (!isCheckpoint(library, model)) return named(library, model, options);
  if (weights !== undefined) {
    throw new UsageError(
      `${words.model} ${model} and ${words.weights} ${weights} are both checkpoints. Give one of them.`,
    );
  }
  checkFile(model);
  return { name: model, ref: { weights: model } };
}

/** The choice of weights within a checkpoint, as `addWeightsOptions` takes it. */
export interface CheckpointOptions {
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly ignore?: readonly string[];
}

/** The configuration of a model whose weights are not needed: of a name, a configuration file or a checkpoint. */
export async function chooseConfig(
  library: Library,
  model: string,
  options: CheckpointOptions = {},
): Promise<ModelConfig> {
  if (isConfig(model)) return readConfigFile(library, model);
  if (!isCheckpoint(library, model)) return findGiven(library, model).config;
  checkFile(model);
  return library.readConfig(model, options);
}

const checkpointEndings = ['.pth', '.pt', '.bin', '.safetensors', '.tar', '.ckpt'];

/** The index of a checkpoint in several files. */
const isIndex = (word: string): boolean => /\.index\.json$/i.test(word);

const isConfig = (word: string): boolean => /\.json$/i.test(word) && !isIndex(word);

/** The file name of published weights is a model's name as well; an existing file goes first. */
const isCheckpoint = (library: Library, word: string): boolean =>
  isIndex(word) ||
  holdsIndex(word) ||
  (checkpointEndings.some((ending) => word.toLowerCase().endsWith(ending)) &&
    (existsSync(word) || !entryOf(library, word)));

/** Tells whether a word is a folder with a checkpoint in several files. */
function holdsIndex(word: string): boolean {
  return statSync(word, { throwIfNoEntry: false })?.isDirectory() === true && readdirSync(word).some(isIndex);
}

function named(
  library: Library,
  name: string,
  { weights, task = 'predict', pull, options: words = usualOptions }: ChooseOptions,
): ChosenModel {
  const entry = findGiven(library, name);
  if (task !== 'any') checkTask(task, entry.name, entry.config);
  const { shipped, url } = entry.weights ?? {};
  if (weights !== undefined || shipped || library.cachedWeights(entry) || (url && pull)) {
    return { name: entry.name, ref: { config: entry.name, weights } };
  }
  throw new UsageError(
    url
      ? `the weights of ${entry.name} are not downloaded yet. Pull them once:\n  ${ownCommand()} pull ${entry.name}\nor add --pull. They are at ${url}; give a file that you have with ${words.weights}.`
      : `no weights of ${entry.name} are published. Give a file with ${words.weights}.`,
  );
}

/** Finds a model by a word that could be a file as well. */
function findGiven(library: Library, word: string): ZooEntry {
  const kind = entryOf(library, word) ? undefined : statSync(word, { throwIfNoEntry: false });
  if (!kind) return findEntry(library, word, '; a file works as well');
  throw new UsageError(
    `${word}: this ${kind.isDirectory() ? 'folder' : 'file'} exists, but it is not a model. The name of a configuration ends with .json, that of a checkpoint with ${checkpointEndings.join(', ')}. \`moganet models\` lists the models that are known by name.`,
  );
}

/** @throws UsageError with the nearest name if no model has this one */
export function findEntry(library: Library, name: string, otherwise = ''): ZooEntry {
  const entry = entryOf(library, name);
  if (entry) return entry;
  const near = nearestName(
    name,
    library.entries.map((one) => one.name),
  );
  const meant = near ? ` Did you mean "${near}"?` : '';
  throw new UsageError(`unknown model "${name}".${meant} \`moganet models\` lists the names${otherwise}.`);
}

function entryOf(library: Library, name: string): ZooEntry | undefined {
  try {
    return library.findEntry(name);
  } catch (error) {
    if (error instanceof library.ConfigError) return undefined;
    throw error;
  }
}

function readConfigFile(library: Library, file: string): ModelConfig {
  const bytes = readGiven(file);
  try {
    return library.configFromText(bytes, file);
  } catch (cause) {
    if (!(cause instanceof library.ConfigError)) throw cause;
    throw new UsageError(`${cause.message}\nSee \`moganet config facade\` for a valid one.`, { cause });
  }
}

/** An edited configuration keeps the weights of the model that it names. */
function weightsByName(library: Library, { name }: ModelConfig, file: string, option: string): string {
  const entry = name === undefined ? undefined : entryOf(library, name);
  if (!entry) {
    const found = name === undefined ? 'it has no "name"' : `its "name" is "${name}"`;
    throw new UsageError(
      `${file}: the weights of a configuration come through "name", a model of \`moganet models\`, and ${found}. Restore the name of the model that it was made from, or give a file with ${option}.`,
    );
  }
  const { shipped } = entry.weights ?? {};
  const weights = shipped ? library.shippedWeights(shipped) : library.cachedWeights(entry);
  if (weights !== undefined) return weights;
  throw new UsageError(
    `${file}: the weights of ${entry.name} are not downloaded yet. Pull them with \`${ownCommand()} pull ${entry.name}\`, or give a file with ${option}.`,
  );
}
