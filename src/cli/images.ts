import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import {
  countsByClass,
  duration,
  knownClasses,
  likelyClasses,
  plural,
  sharesByClass,
  threadsNotice,
} from './arguments.ts';
import { endingAtOnce, exitCodes, UsageError } from './failure.ts';
import { loadFont } from './font.ts';
import type { ChosenModel } from './model.ts';
import {
  checkFolder,
  contentOf,
  jsonDocument,
  type Output,
  outputStems,
  outputsOf,
  picturesOf,
  refuseExisting,
  type Save,
  type What,
  writeWhole,
} from './outputs.ts';
import { type ChosenInstances, checkTask, chooseInstances, type InstanceChoice, type Task } from './predict.ts';
import { loadingDisplay, stdoutClosed, type Terminal, writeToStdout } from './terminal.ts';

/** More than any image within the pixel limit takes. */
const mostBytes = 512 * 2 ** 20;

/** @throws UsageError where nothing is piped in, or far too much */
export async function readStdin(): Promise<File> {
  const { stdin } = process;
  if (stdin.isTTY)
    throw new UsageError('- is an image from stdin, and nothing is piped in: moganet predict - < photo.jpg');
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of stdin as AsyncIterable<Buffer<ArrayBuffer>>) {
    size += chunk.length;
    if (size > mostBytes) throw new UsageError(`stdin holds more than ${mostBytes} bytes, which is no image.`);
    chunks.push(chunk);
  }
  return new File(chunks, stdinName);
}

/** What messages, results and file names call it. */
export const stdinName = 'stdin';

/** One image to work on. */
export interface Input {
  /** As it is named in messages: relative to the working folder where it lies below it; or an address. */
  readonly file: string;
  /** What its outputs are called after, where that is not the name of the file. */
  readonly name?: string;
  /** Its folder below the one that all arguments share: what is kept of it below `--out`. */
  readonly folder: string;
  /** The image itself, where it is no file. */
  readonly ref?: File;
}

const extensions = ['.jpg', '.jpeg', '.png'];
const isImage = (file: string): boolean => extensions.some((extension) => file.toLowerCase().endsWith(extension));

interface Found {
  /** The folder that the argument names: what lies below it is kept. None for an address. */
  readonly root?: string;
  /** Paths that begin at the root of the file system, and addresses. */
  readonly files: readonly string[];
}

/**
 * The images that the arguments name: files as they are, folders with the JPEG and PNG files in them (and below them with
 * `recursive`), and glob patterns for shells that do not expand them. Sorted within an argument; none twice.
 *
 * An `http` or `https` address is an input as well. A file that is not there is an input like any other, and fails when
 * its turn comes.
 *
 * @throws UsageError where a folder or pattern has no image, an argument is empty or an address of another kind
 */
export async function findInputs(words: readonly string[], { recursive = false } = {}): Promise<Input[]> {
  const found: Found[] = [];
  for (const word of words) found.push(await filesOf(word, recursive));
  const shared = sharedFolder(found.flatMap(({ root }) => root ?? []));
  const files = [...new Set(found.flatMap((one) => one.files))];
  return files.map((file) =>
    isAddress(file)
      ? { file, name: nameIn(file), folder: '' }
      : { file: displayed(file), folder: relative(shared, dirname(file)) },
  );
}

const isAddress = (word: string): boolean => /^https?:\/\//i.test(word);

/** The last part of an address's path; the server's name where there is none. */
function nameIn(address: string): string {
  const { pathname, hostname } = new URL(address);
  const last = pathname.split('/').filter(Boolean).at(-1);
  if (last === undefined) return hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last; // a % of its own
  }
}

async function filesOf(word: string, recursive: boolean): Promise<Found> {
  if (word === '') {
    throw new UsageError('an empty word is no image. If it stands for a variable of the shell, that is not set.');
  }
  if (isAddress(word)) {
    if (!URL.canParse(word)) throw new UsageError(`${word}: this is no address that can be read.`);
    return { files: [word] };
  }
  const scheme = /^[a-z][a-z0-9+.-]+(?=:\/\/)/i.exec(word)?.[0];
  if (scheme !== undefined && !existsSync(word)) {
    throw new UsageError(`${word}: addresses begin with http:// or https://, and ${scheme}:// is not read.`);
  }
  const path = resolve(word);
  const kind = statSync(path, { throwIfNoEntry: false });
  if (kind?.isDirectory()) {
    const all = await glob(recursive ? '**/*' : '*', { cwd: path, absolute: true, expandDirectories: false });
    const files = onceEach(all.map((file) => resolve(file)).filter(isImage));
    if (files.length === 0) {
      const deeper = recursive ? '' : ' Images in its folders are found with --recursive.';
      throw new UsageError(`${word}: there is no JPEG or PNG file in this folder.${deeper}`);
    }
    return { root: path, files: files.sort(inOrder) };
  }
  // a file may have a name that looks like a pattern
  if (kind || !isDynamicPattern(word)) return { root: dirname(path), files: [path] };
  const all = await glob(word.split(sep).join('/'), { absolute: true, expandDirectories: false });
  const files = all.map((file) => resolve(file)).filter(isImage);
  if (files.length === 0) throw new UsageError(`${word}: no JPEG or PNG file has such a name.`);
  return { root: resolve(staticPart(word)), files: files.sort(inOrder) };
}

/** A link to a folder above it shows every file again, below a longer path. */
function onceEach(files: readonly string[]): string[] {
  const folders = new Map<string, string>();
  const real = (folder: string): string => {
    if (!folders.has(folder)) folders.set(folder, realpathSync(folder));
    return folders.get(folder)!;
  };
  const shortest = files.toSorted((a, b) => a.length - b.length);
  return [...new Map(shortest.reverse().map((file) => [join(real(dirname(file)), basename(file)), file])).values()];
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The folders of a pattern before its first wildcard. */
function staticPart(pattern: string): string {
  const folders = pattern.split('/').slice(0, -1);
  const wild = folders.findIndex((folder) => isDynamicPattern(folder));
  return (wild < 0 ? folders : folders.slice(0, wild)).join('/') || (pattern.startsWith('/') ? '/' : '.');
}

/** The deepest folder that holds all of them. */
function sharedFolder(folders: readonly string[]): string {
  let shared = folders[0] ?? '.';
  for (const folder of folders) {
    while (relative(shared, folder).split(sep)[0] === '..' && dirname(shared) !== shared) shared = dirname(shared);
  }
  return shared;
}

function displayed(file: string): string {
  const short = relative('.', file);
  return short.split(sep)[0] === '..' ? file : short;
}

/** Paths of the outputs of each input, in order: `<out>/<folder>/<stem>.<suffix>`, no two of them the same. */
export function outputNames(inputs: readonly Input[], out: string, suffixes: readonly string[]): string[][] {
  const stems = outputStems(inputs.map(({ file, folder, name }) => join(folder, name ?? basename(file))));
  return stems.map((stem) => suffixes.map((suffix) => join(out, `${stem}.${suffix}`)));
}

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
  readonly only?: 'segmentation';
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
  const { segmentation: _, ...rest } = config; // the other head would be work for nothing
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
    ...(task === 'segment' && config.detection && { only: 'segmentation' as const }),
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

type EachLibrary = typeof import('../node.ts');
type EachModel = import('../node.ts').Model;
type Result = import('../node.ts').Result;
type RenderOptions = import('../node.ts').RenderOptions;

export interface Work extends Plan {
  readonly model: EachModel;
  readonly moreGlyphs: RenderOptions['moreGlyphs'];
}

/** Runs every image of the plan. */
export async function runEach(
  library: EachLibrary,
  job: ImagesJob,
  work: Work,
  terminal: Terminal,
): Promise<RunSummary> {
  const { model, inputs, whats } = work;
  const { score: least = 0, top } = job;
  const asked = { ...(job.score !== undefined && { score: least }), ...(top !== undefined && { top }) };
  const document = job.json ? await jsonDocument(model, asked) : undefined;
  const missing = new Set<string>();
  const render: RenderOptions = {
    moreGlyphs: work.moreGlyphs,
    onMissingGlyphs: (characters) => {
      for (const character of characters) missing.add(character);
    },
  };
  const written: string[] = [];
  let instances = 0;
  let failed = 0;
  for (const [i, input] of inputs.entries()) {
    const { file } = input;
    // nothing is left that anybody would see
    if (stdoutClosed() && work.outputs.length === 0) break;
    if (inputs.length > 1) terminal.progress(i, inputs.length, `${i + 1} of ${inputs.length}  ${file}`);
    try {
      const start = performance.now();
      const all = await endingAtOnce(() => predict(job, work, input));
      const good = all.filter(({ score }) => score >= least);
      const result = job.max === undefined ? good : good.filter((_, rank) => rank < job.max!);
      written.push(...(await write(library, job, work, { result, i, render })));
      instances += result.length;
      await document?.add(result);
      const took = duration(performance.now() - start);
      terminal.print(`${file}: ${describe(all, result, whats, least)} ${terminal.colors.dim(`(${took})`)}`);
    } catch (error) {
      const message = reasonOf(library, error);
      if (message === undefined) throw error;
      failed++;
      const text = nameInFront(message, file);
      document?.fail(file, message);
      terminal.complain(terminal.colors.red(text));
    }
  }
  terminal.settle();
  await document?.finish();
  if (missing.size > 0) terminal.note(missingText([...missing], work.moreGlyphs !== undefined));
  if (failed > 0 && inputs.length > 1) terminal.note(`${failed} of ${plural(inputs.length, 'image')} failed.`);
  return {
    exitCode: failed > 0 ? exitCodes.someImages : exitCodes.good,
    written,
    instances: whats.includes('detections') && failed < inputs.length ? instances : undefined,
  };
}

function predict({ top, size }: ImagesJob, { model, chosen, only }: Work, { file, ref }: Input): Promise<Result> {
  return model.predict(ref ?? file, {
    ...chosen,
    ...(top !== undefined && { top }),
    ...(size && { size }),
    ...(only && { only }),
  });
}

interface EachFound {
  readonly result: Result;
  /** Of the input. */
  readonly i: number;
  readonly render: RenderOptions;
}

/** Writes the outputs of one image; gives their paths. */
async function write(
  library: EachLibrary,
  job: ImagesJob,
  work: Work,
  { result, i, render }: EachFound,
): Promise<string[]> {
  const written: string[] = [];
  const { file } = work.inputs[i]!;
  for (const [j, output] of work.outputs.entries()) {
    const path = work.names[i]![j];
    const content = contentOf(library, output, result, { file, path, render });
    if (path !== undefined) {
      await writeWhole(path, [content]);
      written.push(path);
    } else if (job.out === '-') await writeToStdout(content);
  }
  return written;
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

/** Why an image failed; undefined for an error that is ours. */
export function reasonOf({ MoganetError }: Pick<EachLibrary, 'MoganetError'>, error: unknown): string | undefined {
  if (error instanceof MoganetError) return error.message;
  // what the engine of JavaScript says of an array that is too long, and of memory that is not there
  if (
    error instanceof RangeError &&
    /^Invalid (typed )?array (buffer )?length|allocation failed/i.test(error.message)
  ) {
    return "the network's input does not fit into memory. Give a smaller --size, or a smaller input in the configuration.";
  }
  return undefined;
}

const nameInFront = (message: string, file: string): string =>
  message.startsWith(file) ? message : `${file}: ${message}`;

function missingText(characters: readonly string[], hasFont: boolean): string {
  const what = `Drawn as boxes, since ${hasFont ? 'no font has them' : 'the built-in font lacks them'}`;
  const how = hasFont ? 'Another --font may have them.' : '--font FILE takes them from a TrueType font.';
  return `${what}: ${characters.join(' ')}\n${how}`;
}
