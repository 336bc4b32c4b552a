import { ahead, type Source } from '../ahead.ts';
import type { ModelConfig, Predictor } from '../node.ts';
import { threadsNotice } from './arguments.ts';
import { loadPredictor } from './detector.ts';
import { endingAtOnce, exitCodeOfImages, hearingSignals, loadingEndsAtOnce, UsageError } from './failure.ts';
import { limitsText, noLimits } from './font.ts';
import { firstFrame, frameName, framesFromStdin } from './frames.ts';
import { findInputs, type Input, type LeftOut, leftOutText, readStdin } from './inputs.ts';
import { type JsonDocument, jsonDocument } from './json_document.ts';
import { kinds, type Library } from './model.ts';
import { type Outcome, openFont, outcomesBy, type Recipe } from './outcome.ts';
import { writeWhole } from './outputs.ts';
import { configFor, type ImagesJob, type Plan, type PlannedInput, planOf } from './plan.ts';
import { openPool, type Pool, sharesOf } from './pool.ts';
import { duration, loadingDisplay, plural, someOf, stdoutClosed, type Terminal, writeToStdout } from './terminal.ts';
import { worded } from './words.ts';

/** Runs a model over images: plan everything that can be refused, load the model once, then image after image. */

export interface RunSummary {
  readonly exitCode: number;
  /** Files that were written. */
  readonly written: readonly string[];
  /** Instances or poses found in all images; undefined if nothing was looked for. */
  readonly instances: number | undefined;
}

/** The images of a run, one after another. */
interface Queue {
  readonly images: Source<PlannedInput>;
  /** Undefined as long as a stream goes on. */
  readonly total: number | undefined;
  /** Returns the name of an image, also of one that has not come yet. */
  nameOf(index: number): string;
}

/** A plan with what runs it. */
interface Work extends Plan, Queue {
  readonly library: Library;
  readonly job: ImagesJob;
  readonly model: Predictor;
  /** Files of folders and patterns that are not images. */
  readonly leftOut: readonly LeftOut[];
  readonly pool: Pool<PlannedInput, Outcome>;
  readonly terminal: Terminal;
}

/** Loads the model once per worker and runs every image; an image that fails costs one line. */
export async function runImages(library: Library, job: ImagesJob, terminal: Terminal): Promise<RunSummary> {
  const leftOut: LeftOut[] = [];
  const inputs = await inputsOf(job, leftOut);
  const font = await openFont(job);
  let plan!: Plan; // `configure` sets it
  const shares = sharesOf(job, job.frames === undefined ? inputs.length : (job.workers ?? 1));
  const { threads } = shares;
  const { pull } = job;
  const pool = openPool<PlannedInput, Outcome>({
    workers: shares.workers,
    data: () => ({ kind: 'outcomes', recipe: recipeOf(plan, job), threads }),
    onNotice: (text) => terminal.note(terminal.colors.yellow(text)),
  });
  const configure = (full: ModelConfig): ModelConfig => {
    const config = configFor(library, job, full);
    plan = planOf(library, job, inputs, config);
    if (!pull) pool.start(); // what is to be downloaded is downloaded once, by this thread
    return config;
  };
  try {
    const { predictor, model } = await loadingEndsAtOnce({ pull }, loadingDisplay(terminal), (onProgress) =>
      loadPredictor(library, job, { threads, pull, configure, onProgress }),
    );
    try {
      introduce(library, predictor, terminal, job.threads, shares.workers);
      for (const notice of [...shares.notices, ...plan.notices]) terminal.note(terminal.colors.yellow(notice));
      for (const one of leftOut) terminal.note(terminal.colors.dim(leftOutText(one)));
      pool.join(outcomesBy(library, predictor, recipeOf(plan, job), font), model.engine.blocking ? 1 : 2);
      const queue = queueOf(library, job, plan);
      return await runEach({ ...plan, ...queue, library, job, model: predictor, leftOut, pool, terminal });
    } finally {
      await predictor.dispose();
    }
  } finally {
    await pool.close();
  }
}

const recipeOf = ({ outputs, kinds, chosen, score, only }: Plan, job: ImagesJob): Recipe => ({
  outputs,
  kinds,
  chosen,
  score,
  only,
  job,
});

async function inputsOf({ images, frames, recursive, out }: ImagesJob, leftOut: LeftOut[]): Promise<Input[]> {
  const [first, ...more] = images;
  if (frames !== undefined) {
    if (first === '-' && more.length === 0) return [firstFrame()];
    throw new UsageError('--frames is for a video on stdin: give - alone in place of images.');
  }
  if (images.includes('-')) {
    if (more.length === 0) return [await readStdin()];
    throw new UsageError('- reads one image from stdin: give it alone (a file of that name is ./-).');
  }
  const inputs = await findInputs(images, { recursive, out, onLeftOut: (one) => leftOut.push(one) });
  if (out === '-' && inputs.length > 1) {
    throw new UsageError(`--out - writes the result of one image to stdout, and there are ${inputs.length} images.`);
  }
  return inputs;
}

function queueOf(library: Library, job: ImagesJob, plan: Plan): Queue {
  if (job.frames !== undefined)
    return {
      images: framesFromStdin(
        library,
        job.frames,
        plan.outputs.map(({ suffix }) => suffix),
        job.out,
      ),
      total: undefined,
      nameOf: frameName,
    };
  return { images: plan.inputs, total: plan.inputs.length, nameOf: (index) => plan.inputs[index]?.file ?? '' };
}

/** The first line: what runs, on what, and what it knows. @param threads as many as were asked for */
export function introduce(
  { version, PosesOfDetector }: Library,
  model: Predictor,
  terminal: Terminal,
  threads: number | undefined,
  workers: number,
): void {
  const { name, detail, hint } = model.engine;
  const { bold, yellow, dim } = terminal.colors;
  const each = workers > 1 ? `${detail} in each of ${workers} workers` : detail;
  const how = hint ? `${each}; ${yellow(hint)}` : each;
  const boxes = model instanceof PosesOfDetector ? ` in boxes of ${bold(model.detector.name)}` : '';
  terminal.note(`moganet ${version} on ${bold(name)} (${how}): ${bold(model.name)} ${knownClasses(model)}${boxes}`);
  const aboutThreads = threadsNotice(threads, name);
  if (aboutThreads !== undefined) terminal.note(yellow(aboutThreads));
  for (const notice of model.notices) terminal.note(dim(worded(notice)));
}

const verbs = {
  detection: 'finds',
  segmentation: 'segments',
  classification: 'classifies into',
  pose: 'finds the poses of',
} as const;

/** `finds window, car; segments sky, facade`. */
function knownClasses({ classes }: Predictor): string {
  const parts = kinds.flatMap((kind) => (classes[kind] ? `${verbs[kind]} ${someOf(classes[kind])}` : []));
  return parts.join('; ');
}

async function runEach(work: Work): Promise<RunSummary> {
  const { library, job, model, leftOut } = work;
  if (!job.json) return runInOrder(work);
  const { score } = work;
  const asked = { detector: detectorOf(library, model), boxes: job.boxes, score, top: job.top };
  const document = jsonDocument(library, model, asked, leftOut);
  try {
    const summary = await runInOrder(work, document);
    await document.finish();
    return summary;
  } catch (error) {
    // a wrong call has no document, as long as nothing of one is written
    if (document.begun || !(error instanceof library.ConfigError)) await document.finish();
    throw error;
  }
}

/** The detector's part of the document. */
function detectorOf({ PosesOfDetector }: Library, model: Predictor) {
  if (!(model instanceof PosesOfDetector)) return undefined;
  const { name, sha256 } = model.detector;
  return { name, sha256, class: model.class };
}

async function runInOrder(work: Work, document?: JsonDocument): Promise<RunSummary> {
  const { library, job, images, total, nameOf, terminal, pool } = work;
  const written: string[] = [...work.once.keys()];
  for (const [path, text] of work.once) await writeWhole(path, [new TextEncoder().encode(text)]);
  const missing = new Set<string>();
  const limits = noLimits();
  const start = performance.now();
  let instances = 0;
  let failed = 0;
  let seen = 0;
  const begun: PlannedInput[] = [];
  const outcomes = ahead(
    images,
    async (input) => {
      begun.push(input);
      if (input.missing !== undefined) throw new library.ImageError(`${input.file}: ${input.missing}`);
      return pool.run(input);
    },
    { most: pool.most },
  );
  try {
    for (let i = 0; total === undefined || i < total; i++) {
      const file = nameOf(i);
      if (stdoutClosed() && (work.outputs.length === 0 || job.out === '-')) break; // nobody would see the rest
      terminal.progress(i, total ?? 0, progressText(i, total, file, start));
      document?.begin(file);
      try {
        // a signal has to find the document's end, so it is heard between the steps of an image
        const outcome = await (document ? hearingSignals : endingAtOnce)(() => taken(outcomes));
        const input = begun.shift();
        if (!outcome || !input) break;
        seen++;
        const { line, milliseconds } = outcome;
        for (const notice of outcome.notices) terminal.note(terminal.colors.dim(`${file}: ${worded(notice)}`));
        written.push(...(await write(input, outcome)));
        instances += outcome.instances;
        await document?.add(outcome.json);
        terminal.print(`${file}: ${line} ${terminal.colors.dim(`(${duration(milliseconds)})`)}`);
        for (const character of outcome.missing) missing.add(character);
        for (const letter of outcome.fontLimits.apart) limits.apart.add(letter);
        for (const script of outcome.fontLimits.scripts) limits.scripts.add(script);
      } catch (error) {
        const message = reasonOf(library, error);
        document?.fail(file, message ?? (error as Error).message);
        if (message === undefined) throw error;
        failed++;
        seen++;
        begun.shift();
        terminal.complain(terminal.colors.red(message.startsWith(file) ? message : `${file}: ${message}`));
      }
    }
  } finally {
    terminal.settle();
    await outcomes.return();
  }
  if (missing.size > 0) terminal.note(missingText([...missing], job.font !== undefined));
  if (failed > 0 && seen > 1) terminal.note(`${failed} of ${plural(seen, 'image')} failed.`);
  for (const line of limitsText(limits)) terminal.note(line);
  return {
    exitCode: exitCodeOfImages(seen, failed),
    written,
    instances: looksForSome(work) && failed < seen ? instances : undefined,
  };
}

/** Tells whether there may be instances or poses, or none. */
const looksForSome = ({ kinds }: Plan): boolean => kinds.includes('detection') || kinds.includes('pose');

/** @returns undefined after the last image @throws the reason of an image that failed, or of a stream that was cut */
async function taken(outcomes: AsyncGenerator<PromiseSettledResult<Outcome>, void>): Promise<Outcome | undefined> {
  const { value: one } = await outcomes.next();
  if (one && one.status === 'rejected') throw one.reason;
  return one ? one.value : undefined;
}

/** `12 of 100  3.1 images/s, 28 s left  photos/a.jpg`; of a stream `frame-000012  3.1 images/s`. */
export function progressText(
  done: number,
  total: number | undefined,
  file: string,
  start: number,
  now = performance.now(),
): string {
  if (total === undefined) return `${file}${done > 1 ? `  ${(done / seconds(start, now)).toFixed(1)} images/s` : ''}`;
  return `${done + 1} of ${total}${speedText(done, total, start, now)}  ${file}`;
}

/** `  3.1 images/s, 28 s left`, from the second image on. */
export function speedText(done: number, total: number, start: number, now = performance.now()): string {
  if (done < 2) return '';
  const passed = seconds(start, now);
  return `  ${(done / passed).toFixed(1)} images/s, ${left((passed * (total - done)) / done)} left`;
}

const seconds = (start: number, now: number): number => (now - start) / 1000;

function left(seconds: number): string {
  if (seconds < 100) return `${Math.ceil(seconds)} s`;
  return seconds < 6000 ? `${Math.ceil(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** Writes the outputs of one image; gives their paths. */
async function write({ paths }: PlannedInput, { contents }: Outcome): Promise<readonly string[]> {
  for (const [i, content] of contents.entries()) {
    const path = paths[i];
    if (path === undefined) await writeToStdout(content);
    else await writeWhole(path, [content]);
  }
  return paths;
}

/**
 * Says why an image failed. Undefined if the image is not the reason: the configuration is wrong for every image, or the
 * mistake is in this package.
 */
export function reasonOf(
  { ConfigError, MoganetError }: Pick<Library, 'ConfigError' | 'MoganetError'>,
  error: unknown,
): string | undefined {
  if (error instanceof ConfigError) return undefined;
  if (error instanceof MoganetError) return worded(error.message);
  // JavaScript's messages for an array that is too long and for missing memory
  const tooLarge = /^Invalid (typed )?array (buffer )?length|allocation failed/i;
  return error instanceof RangeError && tooLarge.test(error.message)
    ? "the network's input does not fit into memory. Give a smaller --size, or a smaller input in the configuration."
    : undefined;
}

function missingText(characters: readonly string[], hasFont: boolean): string {
  const why = hasFont ? 'no font has them' : 'the built-in font lacks them';
  const remedy = hasFont ? 'Another --font may have them.' : '--font FILE adds those of a TrueType font.';
  return `Drawn as boxes, since ${why}: ${characters.join(' ')}\n${remedy}`;
}
