import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { nearestName } from '../errors.ts';
import { UsageError } from './failure.ts';
import type { Task } from './predict.ts';
import { writeToStdout } from './terminal.ts';

/** Files that are being written under a temporary name. */
const unfinished = new Set<string>();

/** Removes what was begun and not finished. */
export function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
  unfinished.clear();
}

/** A file that cannot or must not be written. */
export class OutputError extends Error {}

/**
 * Writes a file that appears whole or not at all; makes its folders.
 *
 * @throws OutputError naming the file and why it cannot be written; what `chunks` throws
 */
export async function writeWhole(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  await written(path, async () => makeFolder(dirname(path)));
  const file = await written(path, () => open(temporary, 'w'));
  unfinished.add(temporary);
  try {
    for await (const chunk of chunks) await written(path, () => file.writeFile(chunk));
    await file.close();
    await written(path, async () => renameSync(temporary, path));
  } finally {
    await file.close(); // a second time does nothing
    rmSync(temporary, { force: true });
    unfinished.delete(temporary);
  }
}

/**
 * Looks whether files may be written below a folder, so that nobody waits for a result that has no place.
 *
 * @throws OutputError naming the folder and what stands in the way
 */
export function checkFolder(folder: string): void {
  let nearest = resolve(folder);
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory()) {
    throw new OutputError(`${folder} cannot be written: ${nearest} is a file. Choose a folder with --out.`);
  }
  try {
    accessSync(nearest, constants.W_OK);
  } catch (cause) {
    throw new OutputError(`${folder} cannot be written: ${(cause as Error).message}. Choose a folder with --out.`, {
      cause,
    });
  }
}

/** As `mkdir -p`. Node's own never ends where a file system says of a new folder that it is not there (/proc). */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // another process may have been faster
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

async function written<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new OutputError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
  }
}

/**
 * @param otherwise what to do but to overwrite
 * @throws OutputError naming the first file that is there already
 */
export function refuseExisting(paths: readonly string[], otherwise: string): void {
  const [first, ...more] = paths.filter((path) => existsSync(path));
  if (first === undefined) return;
  const exist = more.length > 0 ? `and ${more.length} more exist` : 'exists';
  throw new OutputError(`${first} ${exist} already. Replace with --overwrite, or ${otherwise}.`);
}

/**
 * Names for outputs after the names of inputs, for any file system: what a name holds that one of them refuses or
 * understands (`..`, `:`, control characters, `CON`) becomes an underscore; what most names hold stays as it is.
 */

/** Bytes that the common file systems give to a name. */
const nameBytes = 255;

/**
 * A relative path for each of `names` (relative paths themselves, folders kept): the name without its extension, with it
 * where two would be the same, with a number behind where they are still. Names that differ in case or in the form of
 * their accents only count as the same. None leads out of the folder that it is put below.
 *
 * @param suffixBytes what will be put behind the longest of them, `.part` of an unfinished file included
 */
export function outputStems(names: readonly string[], suffixBytes = 64): string[] {
  const stems = names.map((name) => {
    const parts = name.split(sep === '/' ? '/' : /[\\/]/).filter((part) => part !== '' && part !== '.');
    const last = parts.pop() ?? '';
    const folders = parts.map((part) => safe(part, nameBytes));
    const path = (file: string) => [...folders, safe(file, nameBytes - suffixBytes)].join('/');
    return { whole: path(last), short: path(last.replace(/(?<=.)\.[^.]*$/, '')), clashes: false };
  });
  const chosen = ({ whole, short, clashes }: (typeof stems)[number]) => (clashes ? whole : short);
  // a whole name may be the stem of another (x.jpg, x.png, x.jpg.png), so until nothing changes
  for (let changed = true; changed; ) {
    const uses = counted(stems.map(chosen));
    changed = false;
    for (const stem of stems) {
      if (stem.clashes || uses.get(folded(stem.short)) === 1) continue;
      stem.clashes = true;
      changed = true;
    }
  }
  return numbered(stems.map(chosen), nameBytes - suffixBytes);
}

/** As the least discerning file system compares names. */
const folded = (name: string): string => name.normalize('NFC').toLowerCase();

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const name of names) uses.set(folded(name), (uses.get(folded(name)) ?? 0) + 1);
  return uses;
}

/** The first of each name keeps it, the next ones get `-2`, `-3` behind. */
function numbered(names: readonly string[], most: number): string[] {
  const uses = counted(names);
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    // a number must not give the name that another input has by itself
    for (let n = 2; taken.has(folded(unique)) || (unique !== name && uses.has(folded(unique))); n++) {
      const slash = name.lastIndexOf('/') + 1;
      unique = `${name.slice(0, slash)}${cut(name.slice(slash), most - `-${n}`.length)}-${n}`;
    }
    taken.add(folded(unique));
    return unique;
  });
}

/** Control characters, marks that turn the direction of writing, and what Windows takes for something else. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const forbidden = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff<>:"|?*\\]/g;
/** Windows opens a device under these names, whatever their extension. */
const devices = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)/i;

function safe(name: string, most: number): string {
  const plain = name
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '_')
    .replace(forbidden, '_')
    .replace(devices, '_$1')
    .replace(/[. ]+$/, '_');
  return cut(plain || '_', most);
}

/** The beginning that fits into so many bytes of UTF-8, whole characters only. */
function cut(name: string, most: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of name) {
    bytes += Buffer.byteLength(character);
    if (bytes > most) return name.slice(0, end);
    end += character.length;
  }
  return name;
}

type Model = import('../node.ts').Model;
type Result = import('../node.ts').Result;

/** Says what `--json` writes; part of the help. */
export const jsonHelp = `--json writes one document to stdout (docs/results.md describes it):
  { "schema": 1, "moganet": version, "model": { "name", "sha256" }, "engine": name,
    "score": least score (or "top": number of classes),
    "results": [{ "file", "image": { "height", "width" },
                  "detection": [{ "label", "name", "score", "box": [x1, y1, x2, y2], "area", "mask" }],
                  "segmentation": [{ "label", "name", "pixels", "share", "mask" }],
                  "classification": [{ "label", "name", "score" }] }],
    "failures": [{ "file", "error" }] }
  Boxes are in pixels of the image; masks are COCO run lengths { "size": [height, width], "counts" }.
  From a checkout: \`npm run -s moganet -- …\`; without -s npm's own lines come first.`;

/** One JSON document that is written as it grows, so that a thousand photos need no more memory than one. */
export async function jsonDocument(
  { name, sha256, engine }: Model,
  asked: { readonly score?: number; readonly top?: number },
) {
  const { resultSchema, version } = await import('../node.ts');
  const model = { name, ...(sha256 !== undefined && { sha256 }) };
  const head = { schema: resultSchema, moganet: version, model, engine: engine.name, ...asked };
  const failures: { file: string; error: string }[] = [];
  let before = `${JSON.stringify(head).slice(0, -1)},"results":[\n`;
  return {
    async add(result: Result): Promise<void> {
      // what stands at the top is the same for all of them
      const { schema: _, moganet: __, model: ___, engine: ____, ...own } = result.toJSON();
      await writeToStdout(`${before}${JSON.stringify(own)}`);
      before = ',\n';
    },
    fail(file: string, error: string): void {
      failures.push({ file, error });
    },
    async finish(): Promise<void> {
      const opening = before.startsWith(',') ? '' : before;
      await writeToStdout(`${opening}\n],"failures":${JSON.stringify(failures)}}\n`);
    },
  };
}

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;
type OutputResult = import('../node.ts').Result;
type RenderOptions = import('../node.ts').RenderOptions;

/** What is written about an image. */
export const saves = ['overlay', 'labels', 'masks', 'json', 'coco', 'labelme', 'yolo'] as const;
export type Save = (typeof saves)[number];

/** What an overlay shows. */
export type What = 'detections' | 'segmentation' | 'classification';

/** One file per image: its name is `<stem>.<suffix>`. */
export interface Output {
  readonly save: Save;
  readonly suffix: string;
  readonly draw?: What | 'both';
}

const suffixes: Readonly<Record<Exclude<Save, 'overlay'>, string>> = {
  labels: 'labels.png',
  masks: 'masks.png',
  json: 'result.json',
  coco: 'coco.json',
  labelme: 'labelme.json',
  yolo: 'yolo.txt',
};

const descriptions: Readonly<Record<Save, string>> = {
  overlay: 'drawn on the photo: detections.png, segmentation.png or classification.png (the default)',
  labels: 'the class of every pixel as a number, 0 the first class: labels.png',
  masks: 'the instance at every pixel as a number from 1, 0 for none: masks.png',
  json: 'the result as --json writes it, one file per photo: result.json',
  coco: "COCO's results format: coco.json",
  labelme: 'for the annotation tool labelme: labelme.json',
  yolo: "YOLO's text, outlines where the model gives masks, boxes otherwise: yolo.txt",
};

/** What models for a task can give at all. */
export const savesOf: Readonly<Record<Task, readonly Save[]>> = {
  predict: saves,
  detect: ['overlay', 'masks', 'json', 'coco', 'labelme', 'yolo'],
  segment: ['overlay', 'labels', 'json', 'labelme'],
  classify: ['overlay', 'json'],
};

/** Part of the help. */
export function saveHelp(task: Task): string {
  const lines = savesOf[task].map((save) => `  ${save.padEnd(8)} ${descriptions[save]}`);
  return `--save takes one or more, with commas between them; names are <stem>.<what>.<ext>:\n${lines.join('\n')}`;
}

/** The words of `--save`. */
export function saveList(text: string, before: readonly Save[] = []): readonly Save[] {
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) {
    if ((saves as readonly string[]).includes(word)) continue;
    const near = nearestName(word, saves);
    throw new InvalidArgumentError(
      `"${word}" is none of ${saves.join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`,
    );
  }
  return [...new Set([...before, ...(words as Save[])])];
}

/** What an overlay of this model can show. */
export function picturesOf(
  task: Task,
  { detection: detector, segmentation: segmentor, classification: classifier }: Config,
): What[] {
  if (task === 'segment') return ['segmentation'];
  return [
    ...(detector ? (['detections'] as const) : []),
    ...(segmentor ? (['segmentation'] as const) : []),
    ...(classifier ? (['classification'] as const) : []),
  ];
}

/**
 * The files of each image.
 *
 * @param name what messages call the model
 * @param joined one picture of everything, where there is room for one only
 * @throws UsageError where the model cannot give what is asked for
 */
export function outputsOf(
  asked: readonly Save[],
  { task, name, config, joined }: { task: Task; name: string; config: Config; joined: boolean },
): Output[] {
  const whats = picturesOf(task, config);
  const instances = whats.includes('detections');
  const regions = whats.includes('segmentation');
  const masks = instances && config.detection && 'mask' in config.detection && config.detection.mask;
  const needs: Partial<Record<Save, readonly [able: unknown, what: string]>> = {
    labels: [regions, 'no map of classes'],
    masks: [masks, 'no masks'],
    coco: [instances, 'no instances'],
    labelme: [instances || regions, 'neither instances nor regions'],
    yolo: [instances, 'no instances'],
  };
  return asked.flatMap((save): Output[] => {
    const [able, what] = needs[save] ?? [true];
    if (!able) throw new UsageError(`${name} gives ${what} here, which --save ${save} needs.`);
    if (save !== 'overlay') return [{ save, suffix: suffixes[save] }];
    if (joined && whats.length > 1) return [{ save, suffix: 'overlay.png', draw: 'both' }];
    return whats.map((draw) => ({ save, suffix: `${draw}.png`, draw }));
  });
}

const drawings = {
  detections: 'detection',
  segmentation: 'segmentation',
  classification: 'classification',
  both: ['detection', 'segmentation'],
} as const;

/** The bytes of one output. `path` is where they go; nowhere on stdout. */
export function contentOf(
  library: Library,
  { save, draw }: Output,
  result: OutputResult,
  { file, path, render }: { file: string; path?: string | undefined; render: RenderOptions },
): Uint8Array {
  switch (save) {
    case 'overlay':
      return library.encodePng(result.render({ ...render, draw: draw && drawings[draw] }));
    case 'labels':
      return result.toLabelPng();
    case 'masks':
      return result.toInstancePng();
    case 'json':
      return json(result.toJSON());
    case 'coco':
      return json(result.toCOCO({ imageId: imageIdOf(file) }));
    case 'labelme':
      return json(result.toLabelme({ imagePath: path === undefined ? basename(file) : pathFrom(path, file) }));
    case 'yolo':
      return new TextEncoder().encode(result.toYOLO({ segments: result.masks !== undefined }));
  }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

const pathFrom = (path: string, file: string): string =>
  /^https?:\/\//i.test(file) ? file : relative(dirname(path), file).split(sep).join('/');

/** COCO's own images are named by their id: `000000000139.jpg`. */
function imageIdOf(file: string): number | string {
  const stem = basename(file).replace(/(?<=.)\.[^.]*$/, '');
  return /^\d{1,15}$/.test(stem) ? Number(stem) : stem;
}
