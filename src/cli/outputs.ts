import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFile,
} from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { InvalidArgumentError } from 'commander';
import { nearestName } from '../errors.ts';
import type { ModelConfig, RenderOptions, Result } from '../node.ts';
import { OutputError, UsageError } from './failure.ts';
import type { ImageId } from './image_ids.ts';
import { commandOf, type Kind, kinds, kindsOf, type Library, type TaskCommand } from './model.ts';

/** What is written: files that appear whole, their names, and the forms of `--save`. */

const writeAll = promisify(writeFile);

/** Files that are being written under a temporary name. */
const unfinished = new Set<string>();

/** Removes the files that were begun and not finished. */
export function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
  unfinished.clear();
}

/**
 * Writes a file that appears whole or not at all; makes its folders.
 *
 * @throws OutputError naming the file and why it cannot be written; whatever `chunks` throws
 */
export async function writeWhole(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  await explained(path, async () => makeFolder(dirname(path)));
  // made and noted in one step: a signal between the two would leave it behind
  const file = await explained(path, async () => openSync(temporary, 'w'));
  unfinished.add(temporary);
  try {
    try {
      for await (const chunk of chunks) await explained(path, () => writeAll(file, chunk));
    } finally {
      closeSync(file);
    }
    await explained(path, async () => renameSync(temporary, path));
  } finally {
    rmSync(temporary, { force: true });
    unfinished.delete(temporary);
  }
}

/** Does what writes a path. @throws OutputError naming the path and the system's reason */
export async function explained<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof OutputError) throw cause;
    throw new OutputError(`${path} cannot be written: ${reasonOf(cause)}.`, { cause });
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'the name is too long',
  EISDIR: 'this is a folder',
  ENOTDIR: 'a file stands where a folder is needed',
  ENOENT: 'the system makes no file or folder there',
};

/** The system's reason in words, with its code. */
function reasonOf(cause: unknown): string {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  return reasons[code] === undefined ? message : `${reasons[code]} (${code})`;
}

/**
 * Works as `mkdir -p`. Node's `recursive` never returns if a file system (/proc) says that a new folder is missing.
 *
 * @returns the folders that it made, the innermost first
 */
function makeFolder(path: string): string[] {
  const exists = () => statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  if (exists()) return [];
  const parent = dirname(path);
  const above = parent === path ? [] : makeFolder(parent);
  try {
    mkdirSync(path);
    return [path, ...above];
  } catch (error) {
    if (exists()) return above; // another process was faster
    for (const folder of above) rmdirSync(folder);
    throw error;
  }
}

/**
 * Checks that files can be written below a folder, before a result is computed for them: makes it and a file in it, and
 * removes both.
 *
 * @param remedy what to do otherwise
 * @throws OutputError naming the folder and what stands in the way
 */
export function checkFolder(folder: string, remedy = 'Choose a folder with --out'): void {
  const refusal = (why: string, cause?: unknown) =>
    new OutputError(`${folder} cannot be written: ${why}. ${remedy}.`, { cause });
  let nearest = resolve(folder);
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory()) throw refusal(`${nearest} is a file`);
  let made: readonly string[] = [];
  try {
    made = makeFolder(resolve(folder));
    const probe = join(folder, `moganet.${process.pid}.part`);
    closeSync(openSync(probe, 'wx'));
    rmSync(probe);
  } catch (cause) {
    throw refusal(reasonOf(cause), cause);
  } finally {
    for (const one of made) rmdirSync(one);
  }
}

/**
 * Checks a file that is written when all is done: nobody should wait an hour to hear that it cannot be.
 *
 * @param option the command's option that names it
 * @param endings what its name may end with
 * @throws UsageError for another ending, OutputError for a folder or if its folder cannot be written
 */
export function checkOutput(path: string, option: string, endings: readonly string[]): void {
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new OutputError(`${path}: this is a folder. Give a file with ${option}.`);
  }
  if (!endings.includes(extname(path).toLowerCase())) {
    throw new UsageError(`${path}: the name of this file must end with ${endings[0]} (${option}).`);
  }
  checkFolder(dirname(path), `Give another file with ${option}`);
}

/** What the name of a page may end with. */
export const pageEndings: readonly string[] = ['.html', '.htm'];

/**
 * @param otherwise what to do instead of overwriting
 * @throws OutputError naming the first file that exists
 */
export function refuseExisting(paths: readonly string[], otherwise: string): void {
  const [first, ...more] = paths.filter((path) => existsSync(path));
  if (first === undefined) return;
  const exist = more.length > 0 ? `and ${more.length} more exist` : 'exists';
  throw new OutputError(`${first} ${exist} already. Replace with --overwrite, or ${otherwise}.`);
}

/** Bytes that common file systems allow for a name. */
const nameBytes = 255;

/**
 * Names outputs after inputs, for any file system: what one of them refuses or interprets (`..`, `:`, control characters,
 * `CON`) becomes an underscore.
 *
 * A stem is the name without its extension; with it if two stems would be equal; with a number if they still are. Names
 * that differ only in case or in the form of their accents count as equal. No stem leads out of its folder.
 *
 * @param names relative paths; their folders are kept
 * @param suffixBytes room for the longest suffix, `.part` of an unfinished file included
 */
export function outputStems(names: readonly string[], suffixBytes = 64): string[] {
  const most = nameBytes - suffixBytes;
  const stems = names.map((name) => {
    const parts = name.split(sep === '/' ? '/' : /[\\/]/).filter((part) => part !== '' && part !== '.');
    const last = parts.pop() ?? '';
    const folders = parts.map((part) => safe(part, nameBytes));
    const path = (file: string) => [...folders, safe(file, most)].join('/');
    return { whole: path(last), short: path(last.replace(/(?<=.)\.[^.]*$/, '')), clashes: false };
  });
  const chosen = () => stems.map(({ clashes, whole, short }) => (clashes ? whole : short));
  // a whole name may be the stem of another (x.jpg, x.png, x.jpg.png), so this repeats until nothing changes
  for (let changed = true; changed; ) {
    const uses = counted(chosen());
    changed = false;
    for (const stem of stems) {
      if (stem.clashes || uses.get(folded(stem.short)) === 1) continue;
      stem.clashes = true;
      changed = true;
    }
  }
  return numbered(chosen(), most);
}

/** The form in which the least discerning file system compares names. */
export const folded = (name: string): string => name.normalize('NFC').toLowerCase();

function counted(names: readonly string[]): ReadonlyMap<string, number> {
  const uses = new Map<string, number>();
  for (const name of names) uses.set(folded(name), (uses.get(folded(name)) ?? 0) + 1);
  return uses;
}

/** Keeps the first of each name and appends `-2`, `-3` to the next ones. */
function numbered(names: readonly string[], most: number): string[] {
  const uses = counted(names);
  const taken = new Set<string>();
  return names.map((name) => {
    let unique = name;
    // a number must not give the name of another input
    for (let n = 2; taken.has(folded(unique)) || (unique !== name && uses.has(folded(unique))); n++) {
      const slash = name.lastIndexOf('/') + 1;
      unique = `${name.slice(0, slash)}${cut(name.slice(slash), most - `-${n}`.length)}-${n}`;
    }
    taken.add(folded(unique));
    return unique;
  });
}

/** Control characters, marks that change the direction of writing, and what Windows interprets. */
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

/** The beginning that fits into so many bytes of UTF-8, in whole characters. */
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

/** What `--save` writes about an image. Overlays are named by what they show. */
const forms = {
  overlay: { suffix: '', text: 'drawn on the image (default)' },
  labels: { suffix: 'labels.png', text: 'the class of every pixel as a number, 0 is the first class' },
  masks: { suffix: 'masks.png', text: 'the instance at every pixel as a number from 1, 0 is none' },
  json: { suffix: 'result.json', text: 'the result as --json writes it' },
  coco: { suffix: 'coco.json', text: "COCO's results format" },
  labelme: { suffix: 'labelme.json', text: 'for the annotation tool labelme' },
  yolo: {
    suffix: 'yolo.txt',
    text: "YOLO's text: outlines if the model gives masks, keypoints of poses, otherwise boxes",
  },
} as const;
export type Save = keyof typeof forms;
/** The endings that the tools of two forms put behind the stem of an image; they look for no other name. */
export const ownEndings: Readonly<Partial<Record<Save, string>>> = { labelme: '.json', yolo: '.txt' };
const saves = Object.keys(forms) as Save[];

const overlays: Readonly<Record<Kind, string>> = {
  detection: 'detections.png',
  segmentation: 'segmentation.png',
  classification: 'classification.png',
  pose: 'poses.png',
};

const overlayOfAll = 'overlay.png';

/** Tells from its name whether an image was written by an earlier run: an overlay, a label map, masks. */
export const isOwnOutput = (file: string): boolean =>
  ownImages.some((suffix) => file.toLowerCase().endsWith(`.${suffix}`));

const ownImages = [...Object.values(overlays), overlayOfAll, forms.labels.suffix, forms.masks.suffix];

/** The tasks that a command can show. */
export const kindsOfCommand = (task: TaskCommand): readonly Kind[] =>
  kinds.filter((kind) => task === 'predict' || commandOf[kind] === task);

/** The forms that models for a task can give at all. */
export const savesOf: Readonly<Record<TaskCommand, readonly Save[]>> = {
  predict: saves,
  detect: ['overlay', 'masks', 'json', 'coco', 'labelme', 'yolo'],
  segment: ['overlay', 'labels', 'json', 'labelme'],
  classify: ['overlay', 'json'],
  pose: ['overlay', 'json', 'coco', 'labelme', 'yolo'],
};

/** Part of the help. */
export function saveHelp(task: TaskCommand): string {
  const drawn = kindsOfCommand(task).map((kind) => overlays[kind]);
  const lines = savesOf[task].map((save) => {
    const { suffix, text } = forms[save];
    return `  ${save.padEnd(8)} ${text}: ${suffix || drawn.join(', ')}`;
  });
  return `--save takes one or more, separated by commas; files are named <stem>.<what>.<ext>:\n${lines.join('\n')}`;
}

/** Reads the words of `--save`, which may be repeated. */
export const saveListOf =
  (task: TaskCommand) =>
  (text: string, before: readonly Save[] = []): readonly Save[] => {
    const words = text.split(',').map((word) => {
      const name = word.trim();
      const save = saves.find((one) => one === name);
      if (save) return save;
      const near = nearestName(name, savesOf[task]);
      throw new InvalidArgumentError(
        `"${name}" is none of ${savesOf[task].join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`,
      );
    });
    return [...new Set([...before, ...words])];
  };

/** The tasks of a model whose results a command shows. */
export const kindsShown = (task: TaskCommand, config: ModelConfig): Kind[] =>
  kindsOf(config).filter((kind) => task !== 'segment' || commandOf[kind] === task);

/** One file per image: its name is `<stem>.<suffix>`. */
export interface Output {
  readonly save: Save;
  readonly suffix: string;
  /** What an overlay shows; all of them side by side. */
  readonly draw: readonly Kind[];
}

/**
 * Lists the files of each image.
 *
 * @param name the model's name in messages
 * @param joined one overlay of everything, if there is room for one only
 * @throws UsageError if the model cannot give what is asked for
 */
export function outputsOf(
  asked: readonly Save[],
  { task, name, config, joined }: { task: TaskCommand; name: string; config: ModelConfig; joined: boolean },
): Output[] {
  const kinds = kindsShown(task, config);
  const detects = kinds.includes('detection');
  const segments = kinds.includes('segmentation');
  const poses = kinds.includes('pose');
  const masks = detects && config.detection && 'mask' in config.detection && config.detection.mask;
  const needs: Partial<Record<Save, readonly [able: unknown, lacks: string]>> = {
    labels: [segments, 'no segmentation'],
    masks: [masks, 'no masks'],
    coco: [detects || poses, 'no instances'],
    labelme: [detects || segments || poses, 'neither instances nor a segmentation'],
    yolo: [detects || poses, 'no instances'],
  };
  return asked.flatMap((save): Output[] => {
    const [able, lacks] = needs[save] ?? [true];
    if (!able) throw new UsageError(`\`${task}\` with ${name} gives ${lacks}, which --save ${save} needs.`);
    if (save !== 'overlay') return [{ save, suffix: forms[save].suffix, draw: [] }];
    if (joined && kinds.length > 1) return [{ save, suffix: overlayOfAll, draw: kinds }];
    return kinds.map((kind) => ({ save, suffix: overlays[kind], draw: [kind] }));
  });
}

/** The bytes of one output. `path` is where they go, undefined for stdout. */
export async function contentOf(
  library: Library,
  { save, draw }: Output,
  result: Result,
  { file, path, imageId, render }: { file: string; path: string | undefined; imageId: ImageId; render: RenderOptions },
): Promise<Uint8Array> {
  const { pointScore } = render;
  switch (save) {
    case 'overlay':
      return library.encodePngAsync(result.render({ ...render, draw }));
    case 'labels':
      return result.toLabelPng();
    case 'masks':
      return result.toInstancePng();
    case 'json':
      return json(result.toJSON());
    case 'coco':
      return json(result.toCOCO({ imageId }));
    case 'labelme':
      return json(
        result.toLabelme({ imagePath: path === undefined ? basename(file) : pathFrom(path, file), pointScore }),
      );
    case 'yolo':
      return new TextEncoder().encode(result.toYOLO({ segments: result.masks !== undefined, pointScore }));
  }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

/** The way from an output to its image. The system follows links before `..`, so both are real paths. */
const pathFrom = (path: string, file: string): string =>
  /^https?:\/\//i.test(file)
    ? file
    : relative(realFolder(dirname(path)), realPath(file))
        .split(sep)
        .join('/');

const realPath = (file: string): string => join(realFolder(dirname(file)), basename(file));

/** The real path of a folder; parts that do not exist yet are added as they are. */
function realFolder(folder: string): string {
  const path = resolve(folder);
  if (existsSync(path)) return realpathSync(path);
  return dirname(path) === path ? path : join(realFolder(dirname(path)), basename(path));
}
