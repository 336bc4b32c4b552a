import type { ChosenModel } from './choose_model.ts';
import { UsageError } from './failure.ts';
import { loadFont } from './font.ts';
import { findInputs, type Input, outputNames } from './inputs.ts';
import { type ChosenInstances, chooseInstances, type InstanceChoice } from './instance_choice.ts';
import { loadingDisplay } from './loading_display.ts';
import { type Output, outputsOf, picturesOf, type Save, type What } from './outputs.ts';
import { runEach } from './run_each.ts';
import { readStdin, stdinName } from './stdin.ts';
import { checkTask, type Task } from './tasks.ts';
import type { Terminal } from './terminal.ts';
import { threadsNotice } from './threads.ts';
import { knownClasses } from './words.ts';
import { checkFolder, refuseExisting } from './write_whole.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;
type Model = import('../node.ts').Model;
type Size = import('../node.ts').Size;

export interface ImagesJob extends InstanceChoice {
  readonly task: Task;
  /** Files, folders or patterns; `-` alone for an image from stdin. */
  readonly images: readonly string[];
  readonly recursive?: boolean | undefined;
  readonly model: ChosenModel;
  /** Published weights may be fetched. */
  readonly pull?: boolean | undefined;
  readonly engine?: string | undefined;
  readonly threads?: number | undefined;
  /** Where files go: a folder, or `-` for stdout; none are written without. */
  readonly out: string | undefined;
  /** What is written there; overlays where it is not given. */
  readonly save?: readonly Save[] | undefined;
  readonly overwrite?: boolean | undefined;
  /** A font for what the library's own letters lack. */
  readonly font?: string | undefined;
  readonly size?: Size | undefined;
  /** Least score of instances that are drawn and printed. */
  readonly score?: number | undefined;
  /** How many classes of a picture are drawn and printed. */
  readonly top?: number | undefined;
  /** JSON on stdout. */
  readonly json?: boolean | undefined;
}

export interface RunSummary {
  readonly exitCode: number;
  /** Files that were written. */
  readonly written: readonly string[];
  /** Instances found in all images; undefined where the model has no detector. */
  readonly instances: number | undefined;
}

/** What is done with each image, settled before the first. */
export interface Plan {
  readonly inputs: readonly Input[];
  readonly outputs: readonly Output[];
  /** Paths of the outputs of each input; empty for stdout and where nothing is written. */
  readonly names: readonly (readonly string[])[];
  /** What the results hold. */
  readonly whats: readonly What[];
  readonly chosen: ChosenInstances;
  /** The other head of a model with two would be work for nothing. */
  readonly only?: 'regions';
}

/** Loads the model once and runs every image; one that fails costs one line. */
export async function runImages(library: Library, job: ImagesJob, terminal: Terminal): Promise<RunSummary> {
  const inputs = await inputsOf(job);
  const moreGlyphs = job.font === undefined ? undefined : await loadFont(job.font);
  let plan: Plan | undefined;
  const model = await library.loadModel(job.model.ref, {
    ...(job.engine !== undefined && { engine: job.engine }),
    ...(job.threads !== undefined && { threads: job.threads }),
    configure: (full) => {
      const config = configFor(library, job, full);
      plan = planOf(job, inputs, config);
      return config;
    },
    ...(job.pull && { pull: true }),
    onProgress: loadingDisplay(terminal),
  });
  try {
    introduce(library, model, terminal, job.threads);
    return await runEach(library, job, { model, moreGlyphs, ...plan! }, terminal);
  } finally {
    await model.dispose();
  }
}

async function inputsOf({ images, recursive = false, out }: ImagesJob): Promise<Input[]> {
  if (!images.includes('-')) {
    const inputs = await findInputs(images, { recursive });
    if (out === '-' && inputs.length > 1) {
      throw new UsageError(`--out - writes the result of one image to stdout, and there are ${inputs.length}.`);
    }
    return inputs;
  }
  if (images.length > 1)
    throw new UsageError('- is the one image from stdin: give it alone (a file of that name is ./-).');
  return [{ file: stdinName, folder: '', ref: await readStdin() }];
}

/** @throws UsageError where the model cannot do the task */
function configFor(library: Library, { task, model: { name } }: ImagesJob, config: Config): Config {
  checkTask(library, task, name, config);
  if (task !== 'detect') return config;
  const { segmentor: _, ...rest } = config; // the other head would be work for nothing
  return rest;
}

/** @throws UsageError where the model cannot give what is asked for, OutputError where a file is there already */
function planOf(job: ImagesJob, inputs: readonly Input[], config: Config): Plan {
  const { task, out, save = ['overlay'], model, overwrite } = job;
  const toStdout = out === '-';
  const outputs = out === undefined ? [] : outputsOf(save, { task, name: model.name, config, joined: toStdout });
  if (toStdout) checkStdout(outputs);
  const suffixes = outputs.map(({ suffix }) => suffix);
  const names = out === undefined || toStdout ? inputs.map(() => []) : outputNames(inputs, out, suffixes);
  if (out !== undefined && !toStdout) checkFolder(out);
  if (!overwrite) refuseExisting(names.flat(), 'choose another folder with --out');
  return {
    inputs,
    outputs,
    names,
    whats: picturesOf(task, config),
    chosen: chooseInstances(job, model.name, config),
    // both heads stand on one trunk and on the detector's preprocessing: without it the numbers would be others
    ...(task === 'segment' && config.detector && { only: 'regions' as const }),
  };
}

function checkStdout(outputs: readonly Output[]): void {
  if (outputs.length > 1) {
    const words = [...new Set(outputs.map(({ save }) => save))].join(', ');
    throw new UsageError(
      `--out - writes one file to stdout, not ${outputs.length} (${words}). Give --save one of them.`,
    );
  }
  if (process.stdout.isTTY && outputs[0]?.suffix.endsWith('.png')) {
    throw new UsageError(
      'a PNG is no text for a terminal: send stdout to a file (> overlay.png), or give --out a folder.',
    );
  }
}

/** The first line: what runs, on what, and what it knows. */
function introduce({ version }: Library, model: Model, terminal: Terminal, threads: number | undefined): void {
  const { name, detail, hint } = model.engine;
  const { bold, yellow, dim } = terminal.colors;
  const how = [detail, ...(hint ? [yellow(hint)] : [])].join('; ');
  terminal.note(`moganet ${version} on ${bold(name)} (${how}): ${bold(model.name)} ${knownClasses(model)}`);
  const ofThreads = threadsNotice(threads, name);
  if (ofThreads !== undefined) terminal.note(yellow(ofThreads));
  for (const notice of model.notices) terminal.note(dim(notice));
}
