import type { Model, RenderOptions, Result } from '../node.ts';
import { threadsNotice } from './arguments.ts';
import { endingAtOnce, exitCodeOfImages, hearingSignals, loadingEndsAtOnce, UsageError } from './failure.ts';
import { limitsText, loadFont, noLimits } from './font.ts';
import { findInputs, type Input, type LeftOut, leftOutText, readStdin } from './inputs.ts';
import { type JsonDocument, jsonDocument } from './json_document.ts';
import { type Kind, kinds, type Library } from './model.ts';
import { contentOf, writeWhole } from './outputs.ts';
import { configFor, type ImagesJob, type Plan, type PlannedInput, planOf } from './plan.ts';
import { duration, loadingDisplay, plural, someOf, stdoutClosed, type Terminal, writeToStdout } from './terminal.ts';
import { worded } from './words.ts';

/** Runs a model over images: plan everything that can be refused, load the model once, then image after image. */

export interface RunSummary {
  readonly exitCode: number;
  /** Files that were written. */
  readonly written: readonly string[];
  /** Instances found in all images; undefined if nothing was looked for. */
  readonly instances: number | undefined;
}

/** A plan with what runs it. */
interface Work extends Plan {
  readonly library: Library;
  readonly job: ImagesJob;
  readonly model: Model;
  /** Files of folders and patterns that are not images. */
  readonly leftOut: readonly LeftOut[];
  readonly render: RenderOptions;
  /** Characters that no font has, filled while images are drawn. */
  readonly missing: Set<string>;
  readonly terminal: Terminal;
}

/** Loads the model once and runs every image; an image that fails costs one line. */
export async function runImages(library: Library, job: ImagesJob, terminal: Terminal): Promise<RunSummary> {
  const leftOut: LeftOut[] = [];
  const inputs = await inputsOf(job, leftOut);
  const fontLimits = noLimits();
  const moreGlyphs = job.font === undefined ? undefined : await loadFont(job.font, fontLimits);
  let plan!: Plan; // `configure` sets it
  const { engine, threads, pull, ema, prefix, ignore } = job;
  const model = await loadingEndsAtOnce({ pull }, loadingDisplay(terminal), (onProgress) =>
    library.loadModel(job.model.ref, {
      engine,
      threads: engine === 'wasm' || engine === 'cpu' ? undefined : threads, // they have one: `introduce` says so
      pull,
      ema,
      prefix,
      ignore,
      configure: (full) => {
        const config = configFor(job, full);
        plan = planOf(library, job, inputs, config);
        return config;
      },
      onProgress,
    }),
  );
  const missing = new Set<string>();
  const render: RenderOptions = {
    moreGlyphs,
    onMissingGlyphs: (characters) => {
      for (const character of characters) missing.add(character);
    },
  };
  try {
    introduce(library, model, terminal, threads);
    for (const notice of plan.notices) terminal.note(terminal.colors.yellow(notice));
    for (const one of leftOut) terminal.note(terminal.colors.dim(leftOutText(one)));
    const summary = await runEach({ ...plan, library, job, model, leftOut, render, missing, terminal });
    for (const line of limitsText(fontLimits)) terminal.note(line);
    return summary;
  } finally {
    await model.dispose();
  }
}

async function inputsOf({ images, recursive, out }: ImagesJob, leftOut: LeftOut[]): Promise<Input[]> {
  if (images.includes('-')) {
    if (images.length === 1) return [await readStdin()];
    throw new UsageError('- reads one image from stdin: give it alone (a file of that name is ./-).');
  }
  const inputs = await findInputs(images, { recursive, out, onLeftOut: (one) => leftOut.push(one) });
  if (out === '-' && inputs.length > 1) {
    throw new UsageError(`--out - writes the result of one image to stdout, and there are ${inputs.length} images.`);
  }
  return inputs;
}

/** The first line: what runs, on what, and what it knows. */
function introduce({ version }: Library, model: Model, terminal: Terminal, threads: number | undefined): void {
  const { name, detail, hint } = model.engine;
  const { bold, yellow, dim } = terminal.colors;
  const how = hint ? `${detail}; ${yellow(hint)}` : detail;
  terminal.note(`moganet ${version} on ${bold(name)} (${how}): ${bold(model.name)} ${knownClasses(model)}`);
  const aboutThreads = threadsNotice(threads, name);
  if (aboutThreads !== undefined) terminal.note(yellow(aboutThreads));
  for (const notice of model.notices) terminal.note(dim(worded(notice)));
}

const verbs = { detection: 'finds', segmentation: 'segments', classification: 'classifies into' } as const;

/** `finds window, car; segments sky, facade`. */
function knownClasses({ classes }: Model): string {
  const parts = kinds.flatMap((kind) => (classes[kind] ? `${verbs[kind]} ${someOf(classes[kind])}` : []));
  return parts.join('; ');
}

async function runEach(work: Work): Promise<RunSummary> {
  const { library, job, model, leftOut } = work;
  if (!job.json) return runInOrder(work);
  const document = jsonDocument(library, model, { score: job.score, top: job.top }, leftOut);
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

async function runInOrder(work: Work, document?: JsonDocument): Promise<RunSummary> {
  const { library, job, inputs, missing, terminal } = work;
  const { score: least = 0 } = job;
  const written: string[] = [...work.once.keys()];
  for (const [path, text] of work.once) await writeWhole(path, [new TextEncoder().encode(text)]);
  let instances = 0;
  let failed = 0;
  for (const [i, input] of inputs.entries()) {
    const { file } = input;
    if (stdoutClosed() && work.outputs.length === 0) break; // nobody would see the rest
    if (inputs.length > 1) terminal.progress(i, inputs.length, `${i + 1} of ${inputs.length}  ${file}`);
    document?.begin(file);
    try {
      if (input.missing !== undefined) throw new library.ImageError(`${file}: ${input.missing}`);
      const start = performance.now();
      // a signal has to find the document's end, so it is heard between the steps of an image
      const all = await (document ? hearingSignals : endingAtOnce)(() => predict(work, input));
      for (const notice of all.notices) terminal.note(terminal.colors.dim(`${file}: ${worded(notice)}`));
      const result = all.filter(({ score }) => score >= least);
      written.push(...(await write(work, input, result)));
      instances += result.length;
      await document?.add(result);
      const took = duration(performance.now() - start);
      terminal.print(`${file}: ${describe(all, result, work.kinds, least)} ${terminal.colors.dim(`(${took})`)}`);
    } catch (error) {
      const message = reasonOf(library, error);
      document?.fail(file, message ?? (error as Error).message);
      if (message === undefined) {
        terminal.settle();
        throw error;
      }
      failed++;
      terminal.complain(terminal.colors.red(message.startsWith(file) ? message : `${file}: ${message}`));
    }
  }
  terminal.settle();
  if (missing.size > 0) terminal.note(missingText([...missing], job.font !== undefined));
  if (failed > 0 && inputs.length > 1) terminal.note(`${failed} of ${plural(inputs.length, 'image')} failed.`);
  return {
    exitCode: exitCodeOfImages(inputs.length, failed),
    written,
    instances: work.kinds.includes('detection') && failed < inputs.length ? instances : undefined,
  };
}

const predict = ({ model, chosen, only, job: { top, size, maxPixels } }: Work, { file, ref }: Input): Promise<Result> =>
  model.predict(ref ?? file, { ...chosen, top, size, maxPixels, only });

/** Writes the outputs of one image; gives their paths. */
async function write(work: Work, { file, paths, imageId }: PlannedInput, result: Result): Promise<readonly string[]> {
  const { library, outputs, render } = work;
  for (const [i, output] of outputs.entries()) {
    const path = paths[i];
    const content = contentOf(library, output, result, { file, path, imageId, render });
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

/** A result as one line. */
function describe(all: Result, result: Result, shown: readonly Kind[], score: number): string {
  const parts: string[] = [];
  if (shown.includes('detection')) {
    const [best] = all;
    const nearest = best ? ` (best: ${best.name} ${best.score.toFixed(2)})` : '';
    parts.push(result.length > 0 ? countsByClass(result) : `nothing with a score of ${score} or more${nearest}`);
  }
  if (shown.includes('segmentation')) parts.push(sharesByClass(result));
  if (shown.includes('classification')) parts.push(likelyClasses(result));
  return parts.join('; ');
}

/** `12 window, 3 car`: the most frequent first. */
function countsByClass(result: Result): string {
  const counts = new Map<string, number>();
  for (const { name } of result) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

const shownShares = 5;

/** `facade 41 %, sky 22 %`: the largest first, without those below one percent. */
function sharesByClass({ segmentation }: Result): string {
  if (!segmentation) return '';
  const { labels, classes } = segmentation;
  const pixels = new Uint32Array(65536);
  for (const label of labels) pixels[label]!++;
  const shares: { name: string; percent: number }[] = [];
  for (const [label, count] of pixels.entries()) {
    const percent = Math.round((100 * count) / labels.length);
    if (percent > 0) shares.push({ name: classes[label] ?? `class ${label}`, percent });
  }
  shares.sort((a, b) => b.percent - a.percent);
  const shown = shares.slice(0, shownShares).map(({ name, percent }) => `${name} ${percent} %`);
  return [...shown, ...(shares.length > shownShares ? ['…'] : [])].join(', ');
}

/** `tabby 62.1 %, tiger cat 20.4 %`: all that were asked for. */
function likelyClasses({ classification }: Result): string {
  if (!classification) return '';
  const { labels, scores, classes } = classification;
  const likely = Array.from(
    labels,
    (label, i) => `${classes[label] ?? `class ${label}`} ${(100 * scores[i]!).toFixed(1)} %`,
  );
  return likely.join(', ');
}
