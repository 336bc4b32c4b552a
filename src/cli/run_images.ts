import { basename } from 'node:path';
import type { ChosenModel } from './choose_model.ts';
import { exitCodes, UsageError } from './failure.ts';
import { findInputs, type Input, outputNames, type What } from './inputs.ts';
import { jsonDocument } from './json_document.ts';
import type { Terminal } from './terminal.ts';
import { countsByClass, duration, knownClasses, plural, sharesByClass } from './words.ts';
import { refuseExisting, writeWhole } from './write_whole.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;
type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;

export type Task = 'predict' | 'detect' | 'segment';

export interface ImagesJob {
  readonly task: Task;
  /** Files, folders or patterns. */
  readonly images: readonly string[];
  readonly recursive?: boolean;
  readonly model: ChosenModel;
  readonly engine?: string;
  readonly threads?: number;
  /** Where pictures go; none are drawn without. */
  readonly out: string | undefined;
  readonly overwrite?: boolean;
  /** Least score that is drawn and printed. */
  readonly score: number;
  /** JSON on stdout. */
  readonly json?: boolean;
}

export interface RunSummary {
  readonly exitCode: number;
  /** Pictures that were written. */
  readonly written: readonly string[];
  /** Instances found in all images; undefined where the model has no detector. */
  readonly instances: number | undefined;
}

/** Loads the model once and runs every image; one that fails costs one line. */
export async function runImages(library: Library, job: ImagesJob, terminal: Terminal): Promise<RunSummary> {
  const inputs = await findInputs(job.images, { recursive: job.recursive ?? false });
  let names: string[][] = [];
  let whats: readonly What[] = [];
  const model = await library.loadModel(job.model.ref, {
    ...(job.engine !== undefined && { engine: job.engine }),
    ...(job.threads !== undefined && { threads: job.threads }),
    configure: (full) => {
      const config = configFor(job, full);
      whats = picturesOf(job.task, config);
      names = job.out === undefined ? inputs.map(() => []) : outputNames(inputs, job.out, whats);
      if (!job.overwrite) refuseExisting(names.flat(), 'choose another folder with --out');
      return config;
    },
    onProgress: ({ done, total, text }) => terminal.progress(done, total, `loading ${basename(text)}`),
  });
  try {
    introduce(library, model, terminal);
    return await runAll(library, job, { model, inputs, names, whats }, terminal);
  } finally {
    await model.dispose();
  }
}

/** @throws UsageError where the model cannot do the task */
function configFor({ task, model: { name } }: ImagesJob, config: Config): Config {
  const { detector, segmentor } = config;
  if (task === 'detect') {
    if (!detector) throw new UsageError(`${name} finds no objects.${segmentor ? ' Use `moganet segment`.' : ''}`);
    const { segmentor: _, ...rest } = config; // the other head would be work for nothing
    return rest;
  }
  if (task === 'segment' && !segmentor) {
    throw new UsageError(`${name} does not segment.${detector ? ' Use `moganet detect`.' : ''}`);
  }
  if (!detector && !segmentor) {
    throw new UsageError(
      `${name} neither finds objects nor segments: there is nothing to draw. See \`moganet models\`.`,
    );
  }
  return config;
}

function picturesOf(task: Task, { detector, segmentor }: Config): What[] {
  if (task === 'segment') return ['segmentation'];
  return [...(detector ? (['detections'] as const) : []), ...(segmentor ? (['segmentation'] as const) : [])];
}

/** The first line: what runs, on what, and what it knows. */
function introduce({ version }: Library, model: Model, terminal: Terminal): void {
  const { name, detail, hint } = model.engine;
  const { bold, yellow, dim } = terminal.colors;
  const how = [detail, ...(hint ? [yellow(hint)] : [])].join('; ');
  terminal.note(`moganet ${version} on ${bold(name)} (${how}): ${bold(model.name)} ${knownClasses(model)}`);
  for (const notice of model.notices) terminal.note(dim(notice));
}

interface Work {
  readonly model: Model;
  readonly inputs: readonly Input[];
  readonly names: readonly (readonly string[])[];
  readonly whats: readonly What[];
}

async function runAll(library: Library, job: ImagesJob, work: Work, terminal: Terminal): Promise<RunSummary> {
  const { model, inputs, names, whats } = work;
  const document = job.json ? jsonDocument({ version: library.version, model, score: job.score }) : undefined;
  const written: string[] = [];
  let instances = 0;
  let failed = 0;
  for (const [i, { file }] of inputs.entries()) {
    if (inputs.length > 1) terminal.progress(i, inputs.length, `${i + 1} of ${inputs.length}  ${file}`);
    try {
      const start = performance.now();
      const all = await model.predict(file);
      const result = all.filter(({ score }) => score >= job.score);
      for (const [j, what] of whats.entries()) {
        const path = names[i]![j];
        if (path === undefined) continue;
        await writeWhole(path, [library.encodePng(result.render({ draw: what }))]);
        written.push(path);
      }
      instances += result.length;
      document?.add(file, result, whats);
      const took = duration(performance.now() - start);
      terminal.print(`${file}: ${describe(all, result, whats, job.score)} ${terminal.colors.dim(`(${took})`)}`);
    } catch (error) {
      if (!(error instanceof library.MoganetError)) throw error;
      failed++;
      const text = nameInFront(error.message, file);
      document?.fail(file, error.message);
      terminal.complain(terminal.colors.red(text));
    }
  }
  terminal.settle();
  document?.finish();
  if (failed > 0 && inputs.length > 1) terminal.note(`${failed} of ${plural(inputs.length, 'image')} failed.`);
  return {
    exitCode: failed > 0 ? exitCodes.someImages : exitCodes.good,
    written,
    instances: whats.includes('detections') && failed < inputs.length ? instances : undefined,
  };
}

function describe(all: Result, result: Result, whats: readonly What[], score: number): string {
  const parts: string[] = [];
  if (whats.includes('detections')) {
    const best = all.length > 0 ? ` (best: ${all.at(0).name} ${all.scores[0]!.toFixed(2)})` : '';
    parts.push(result.length > 0 ? countsByClass(result) : `nothing with a score of ${score} or more${best}`);
  }
  if (whats.includes('segmentation')) parts.push(sharesByClass(result));
  return parts.join('; ');
}

const nameInFront = (message: string, file: string): string =>
  message.startsWith(file) ? message : `${file}: ${message}`;
