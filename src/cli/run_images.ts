import type { ChosenModel } from './choose_model.ts';
import { exitCodes } from './failure.ts';
import { findInputs, type Input, outputNames, type What } from './inputs.ts';
import { jsonDocument } from './json_document.ts';
import { loadingDisplay } from './loading_display.ts';
import { checkTask, type Task } from './tasks.ts';
import type { Terminal } from './terminal.ts';
import { countsByClass, duration, knownClasses, likelyClasses, plural, sharesByClass } from './words.ts';
import { refuseExisting, writeWhole } from './write_whole.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;
type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;

export interface ImagesJob {
  readonly task: Task;
  /** Files, folders or patterns. */
  readonly images: readonly string[];
  readonly recursive?: boolean;
  readonly model: ChosenModel;
  /** Published weights may be fetched. */
  readonly pull?: boolean;
  readonly engine?: string;
  readonly threads?: number;
  /** Where pictures go; none are drawn without. */
  readonly out: string | undefined;
  readonly overwrite?: boolean;
  /** Least score of instances that are drawn and printed. */
  readonly score?: number;
  /** How many classes of a picture are drawn and printed. */
  readonly top?: number;
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
      const config = configFor(library, job, full);
      whats = picturesOf(job.task, config);
      names = job.out === undefined ? inputs.map(() => []) : outputNames(inputs, job.out, whats);
      if (!job.overwrite) refuseExisting(names.flat(), 'choose another folder with --out');
      return config;
    },
    ...(job.pull && { pull: true }),
    onProgress: loadingDisplay(terminal),
  });
  try {
    introduce(library, model, terminal);
    return await runAll(library, job, { model, inputs, names, whats }, terminal);
  } finally {
    await model.dispose();
  }
}

/** @throws UsageError where the model cannot do the task */
function configFor(library: Library, { task, model: { name } }: ImagesJob, config: Config): Config {
  checkTask(library, task, name, config);
  if (task !== 'detect') return config;
  const { segmentor: _, ...rest } = config; // the other head would be work for nothing
  return rest;
}

function picturesOf(task: Task, { detector, segmentor, classifier }: Config): What[] {
  if (task === 'segment') return ['segmentation'];
  return [
    ...(detector ? (['detections'] as const) : []),
    ...(segmentor ? (['segmentation'] as const) : []),
    ...(classifier ? (['classification'] as const) : []),
  ];
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
  const { score: least = 0, top } = job;
  const asked = { ...(job.score !== undefined && { score: least }), ...(top !== undefined && { top }) };
  const document = job.json ? jsonDocument({ version: library.version, model, ...asked }) : undefined;
  const written: string[] = [];
  let instances = 0;
  let failed = 0;
  for (const [i, { file }] of inputs.entries()) {
    if (inputs.length > 1) terminal.progress(i, inputs.length, `${i + 1} of ${inputs.length}  ${file}`);
    try {
      const start = performance.now();
      const all = await model.predict(file, top === undefined ? {} : { top });
      const result = all.filter(({ score }) => score >= least);
      for (const [j, what] of whats.entries()) {
        const path = names[i]![j];
        if (path === undefined) continue;
        await writeWhole(path, [library.encodePng(result.render({ draw: what }))]);
        written.push(path);
      }
      instances += result.length;
      document?.add(file, result, whats);
      const took = duration(performance.now() - start);
      terminal.print(`${file}: ${describe(all, result, whats, least)} ${terminal.colors.dim(`(${took})`)}`);
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
  if (whats.includes('classification')) parts.push(likelyClasses(result));
  return parts.join('; ');
}

const nameInFront = (message: string, file: string): string =>
  message.startsWith(file) ? message : `${file}: ${message}`;
