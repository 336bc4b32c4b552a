import { existsSync, readFileSync } from 'node:fs';
import { UsageError } from './failure.ts';
import { checkTask, type Task } from './predict.ts';

/** How to get from the demo's classes to those of COCO and ADE20K: said after the demo, in the help and where nothing is found. */

const published = [
  {
    task: 'detect',
    classes: "COCO's 80 classes (people, cars, animals, furniture, …), boxes and masks",
    model: 'mask_rcnn_moganet_xt_fpn_1x_coco',
  },
  {
    task: 'segment',
    classes: "ADE20K's 150 classes (wall, sky, road, tree, …), every pixel",
    model: 'upernet_moganet_xt_512x512_160k_ade20k',
  },
] as const;

/**
 * @param command how the command line is called here: `moganet`, `npx moganet`, …
 * @param only models for this task
 */
export function otherClasses(command: string, only?: 'detect' | 'segment'): string {
  const lines = ['Other classes come with the official weights, which are fetched once and kept:'];
  for (const { task, classes, model } of published) {
    if (only !== undefined && task !== only) continue;
    lines.push(
      '',
      `  ${classes}:`,
      `    ${command} pull ${model}`,
      `    ${command} ${only ?? 'predict'} photo.jpg --model ${model}`,
    );
  }
  lines.push('', `All models: ${command} models`);
  return lines.join('\n');
}

/** How to get a classifier: the package ships none. */
export function howToClassify(command: string): string {
  return [
    "ImageNet's 1000 classes (animals, vehicles, tools, food, …) come with the official weights, which are fetched once and kept:",
    '',
    `    ${command} pull moganet_xt`,
    `    ${command} classify photo.jpg --model moganet_xt`,
    '',
    `All classifiers with the addresses of their weights: ${command} models --task classify`,
  ].join('\n');
}

/** How to call the command line again: from a checkout it runs uncompiled. Without -s npm writes its own lines to stdout. */
export function ownCommand(): string {
  return import.meta.url.endsWith('.ts') ? 'npm run -s moganet --' : 'npx moganet';
}

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;

/** What `--model` and `--weights` mean, in the form that `loadModel` takes. */
export interface ChosenModel {
  /** As messages call it. */
  readonly name: string;
  readonly ref: { readonly config?: Config | string; readonly weights?: string };
}

export interface ChooseOptions {
  readonly weights?: string | undefined;
  /** What the model is to do. */
  readonly task?: Task | 'any';
  /** Published weights may be fetched. */
  readonly pull?: boolean | undefined;
}

const isCheckpoint = (word: string): boolean => /\.(pth|pt|bin|safetensors|tar|ckpt)$/i.test(word);
const isConfig = (word: string): boolean => /\.json$/i.test(word);

/**
 * A name of the zoo, a configuration file, or a checkpoint; weights where they do not come by themselves.
 *
 * @throws UsageError saying where the weights come from, which name was meant, or that a model of that name cannot do the task
 */
export function chooseModel(library: Library, model: string | undefined, options: ChooseOptions = {}): ChosenModel {
  const { weights } = options;
  if (weights !== undefined) checkFile(weights);
  if (model === undefined) {
    return weights === undefined ? named(library, 'facade', options) : { name: weights, ref: { weights } };
  }
  if (isConfig(model)) {
    const config = readConfigFile(library, model);
    return { name: model, ref: { config, weights: weights ?? ownWeights(library, config, model) } };
  }
  if (isCheckpoint(model) && (existsSync(model) || !isKnown(library, model))) {
    if (weights !== undefined) {
      throw new UsageError(`--model ${model} and --weights ${weights} are both checkpoints. Give one of them.`);
    }
    checkFile(model);
    return { name: model, ref: { weights: model } };
  }
  return named(library, model, options);
}

/** The configuration of a model that needs no weights: a name, a configuration file or a checkpoint. */
export async function chooseConfig(library: Library, model: string): Promise<Config> {
  if (isConfig(model)) return readConfigFile(library, model);
  if (isCheckpoint(model) && (existsSync(model) || !isKnown(library, model))) return library.readConfig(model);
  return findEntry(library, model).config;
}

/** @throws UsageError where there is no such file, before anything is loaded */
function checkFile(file: string): void {
  if (!/^(https?|file):\/\//i.test(file) && !existsSync(file)) throw new UsageError(`${file}: there is no such file.`);
}

function named(library: Library, name: string, { weights, task = 'predict', pull }: ChooseOptions): ChosenModel {
  const entry = findEntry(library, name);
  if (task !== 'any') checkTask(library, task, entry.name, entry.config);
  const chosen = { name: entry.name, ref: { config: entry.name, ...(weights !== undefined && { weights }) } };
  const { shipped, url } = entry.weights ?? {};
  if (weights !== undefined || shipped || library.cachedWeights(entry) || (url && pull)) return chosen;
  throw new UsageError(
    url
      ? `the weights of ${entry.name} are not here yet. Pull them once:\n  ${ownCommand()} pull ${entry.name}\nor add --pull. They are at ${url}; a file that you have is given with --weights.`
      : `there are no published weights of ${entry.name}. Give your own with --weights.`,
  );
}

function findEntry(library: Library, name: string) {
  try {
    return library.findEntry(name);
  } catch (error) {
    if (!(error instanceof library.ConfigError)) throw error;
    const near = library.nearestName(
      name,
      library.entries.map((entry) => entry.name),
    );
    const meant = near ? ` Did you mean "${near}"?` : '';
    throw new UsageError(`unknown model "${name}".${meant} \`moganet models\` lists them; a file is also good.`);
  }
}

function isKnown(library: Library, name: string): boolean {
  try {
    library.findEntry(name);
    return true;
  } catch {
    return false;
  }
}

function readConfigFile(library: Library, file: string): Config {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(
      `${file}: ${missing ? 'there is no such file' : `it cannot be read: ${(cause as Error).message}`}.`,
    );
  }
  try {
    return library.configFromText(bytes, file);
  } catch (cause) {
    if (!(cause instanceof library.ConfigError)) throw cause;
    throw new UsageError(`${cause.message}\nSee \`moganet config facade\` for one that is right.`, { cause });
  }
}

/** An edited configuration keeps the weights of the model that it names. */
function ownWeights(library: Library, { name }: Config, file: string): string {
  const entry = name !== undefined && isKnown(library, name) ? library.findEntry(name) : undefined;
  const { shipped } = entry?.weights ?? {};
  const found = shipped ? library.shippedWeights(shipped) : entry && library.cachedWeights(entry);
  if (found) return found;
  const named = name === undefined ? 'it has no "name"' : `its "name" is "${name}"`;
  throw new UsageError(
    entry
      ? `${file}: the weights of ${entry.name} are not here. Pull them with \`${ownCommand()} pull ${entry.name}\`, or give a file with --weights.`
      : `${file}: a configuration gets its weights through "name", the name of a model (see \`moganet models\`), and ${named}. Put back the name of the model that it was made from, or give a file with --weights.`,
  );
}
