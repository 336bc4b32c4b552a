import { parse } from 'yaml';
import { DataError } from '../../errors.ts';
import { foundIn } from '../../values.ts';
import { checkedNames, namesIn } from '../names.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, joined, parentOf } from '../paths.ts';
import { decodeText, filledLines } from '../text.ts';
import type { Tree } from '../tree.ts';
import { configIn } from './yolo_files.ts';

/** What states the parts and classes of a YOLO data set: Ultralytics' `data.yaml`, Darknet's `obj.data`, or `classes.txt` alone. */

export interface YoloConfig {
  /** The file, for messages. Undefined if there is none. */
  readonly file: string | undefined;
  readonly classes: readonly string[];
  /** Folders or lists of images by split, as the file names them. None if there is no file. */
  readonly splits: ReadonlyMap<string, readonly string[]>;
  /** Folders that the paths may be relative to, the likeliest first. */
  readonly roots: readonly string[];
  /** Keypoints of every object, and the numbers of each: x, y, and whether it is visible. */
  readonly keypoints:
    | { readonly count: number; readonly dimensions: 2 | 3; readonly names?: readonly string[] | undefined }
    | undefined;
}

/** Reads the file that describes a data set, else the list of classes beside the labels. @throws DataError if nothing names the classes, or a field is wrong */
export async function readConfig(tree: Tree, base: string, options: Options): Promise<YoloConfig> {
  const file =
    options.annotations === undefined ? await configIn(tree, base) : await tree.find(joined(base, options.annotations));
  if (file === undefined && options.annotations !== undefined) {
    throw new DataError(`${tree.shown(joined(base, options.annotations))}: there is no such file.`);
  }
  if (file === undefined || endingOf(file) === '.txt') return withoutConfig(tree, base, options);
  const text = decodeText(await tree.read(file), tree.shown(file));
  return endingOf(file) === '.data'
    ? darknetConfig(tree, base, file, text, options)
    : yamlConfig(tree, base, file, text, options);
}

async function withoutConfig(tree: Tree, base: string, options: Options): Promise<YoloConfig> {
  const classes =
    options.classes ??
    (await namesIn(tree, base, listFiles)) ??
    (await namesIn(tree, joined(base, 'labels'), listFiles));
  if (!classes) {
    throw new DataError(
      `${tree.shown(base)}: names no classes (data.yaml, classes.txt). Write classes.txt with a name a line, or give them in code as \`classes\`.`,
    );
  }
  return { file: undefined, classes, splits: new Map(), roots: [base], keypoints: undefined };
}

const listFiles = ['classes.txt', 'obj.names', '_darknet.labels', 'predefined_classes.txt'];

/** CVAT's YOLO 1.1 and Darknet: lines `train = data/train.txt`, `names = data/obj.names`. */
async function darknetConfig(
  tree: Tree,
  base: string,
  file: string,
  text: string,
  options: Options,
): Promise<YoloConfig> {
  const fields = new Map(
    filledLines(text).map((line) => {
      const [key = '', ...value] = line.split('=');
      return [key.trim(), value.join('=').trim()];
    }),
  );
  const names = fields.get('names') ?? 'obj.names';
  const found = await withinRoots(tree, names, [parentOf(file)]);
  const classes = options.classes ?? (found && (await namesIn(tree, parentOf(found), [fileNameOf(found)])));
  if (!classes)
    throw new DataError(
      `${tree.shown(file)}: names: there is no file ${names}. Give the classes as the option \`classes\`.`,
    );
  const splits = new Map<string, string[]>();
  for (const split of ['train', 'valid', 'val', 'test']) {
    const value = fields.get(split);
    if (value) splits.set(split, [value]);
  }
  return { file, classes, splits, roots: [parentOf(file), base], keypoints: undefined };
}

const longestConfig = 2 ** 20;

/** Fields of other types than these are those of a program that is not YOLO's. */
type Fields = ReadonlyMap<unknown, unknown>;

async function yamlConfig(tree: Tree, base: string, file: string, text: string, options: Options): Promise<YoloConfig> {
  const name = tree.shown(file);
  const fields = parsedYaml(text, name);
  const splits = new Map<string, string[]>();
  for (const split of ['train', 'val', 'valid', 'test', 'minival']) {
    const paths = pathsOf(fields.get(split), `${name}: ${split}`);
    if (paths.length > 0) splits.set(split, paths);
  }
  const path = fields.get('path');
  if (path !== undefined && path !== null && typeof path !== 'string') {
    throw new DataError(`${name}: path: must be a path, got ${foundIn(path)}.`);
  }
  const folder = parentOf(file);
  const inner = path && (await withinRoots(tree, path, [folder]));
  const roots = inner === undefined || inner === '' || inner === null ? [folder, base] : [inner, folder, base];
  const classes = options.classes ?? namesOf(fields, name) ?? (await namesIn(tree, folder, listFiles));
  if (!classes) throw new DataError(`${name}: has no names. Add \`names\`, or give them in code as \`classes\`.`);
  return { file, classes, splits, roots, keypoints: keypointsOf(fields, name) };
}

/** @throws DataError for what is not YAML, custom tags, and aliases that multiply */
function parsedYaml(text: string, name: string): Fields {
  if (text.length > longestConfig)
    throw new DataError(`${name}: ${text.length} characters, too many for a configuration.`);
  let value: unknown;
  try {
    value = parse(text, { mapAsMap: true, maxAliasCount: 100, customTags: [], logLevel: 'error' });
  } catch (cause) {
    throw new DataError(`${name}: not YAML: ${(cause as Error).message.split('\n')[0]?.replace(/:$/, '')}.`, { cause });
  }
  if (value instanceof Map) return value;
  throw new DataError(`${name}: must have fields (names, train, val), got ${foundIn(value)}.`);
}

function pathsOf(value: unknown, place: string): string[] {
  if (value === undefined || value === null || value === '') return [];
  const paths: unknown[] = Array.isArray(value) ? value : [value];
  return paths.map((path) => {
    if (typeof path === 'string') return path;
    throw new DataError(`${place}: must be a path or a list of paths, got ${foundIn(path)}.`);
  });
}

/** Reads `names` as a list or as a map from 0; if there are none, numbers as many as `nc` says. */
function namesOf(fields: Fields, name: string): string[] | undefined {
  const names = fields.get('names');
  const count = fields.get('nc');
  if (count !== undefined && (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > 100_000)) {
    throw new DataError(`${name}: nc: must be a number of classes, got ${foundIn(count)}.`);
  }
  if (names === undefined || names === null) {
    return typeof count === 'number' ? Array.from({ length: count }, (_, i) => `class_${i}`) : undefined;
  }
  const list = names instanceof Map ? listOf(names, name) : names;
  if (!Array.isArray(list)) throw new DataError(`${name}: names: must be a list or a map, got ${foundIn(names)}.`);
  const texts = list.map((one, i) => {
    if (['string', 'number', 'boolean'].includes(typeof one)) return `${one}`.trim();
    throw new DataError(`${name}: names: class ${i}: must be a text, got ${foundIn(one)}.`);
  });
  if (typeof count === 'number' && count !== texts.length) {
    throw new DataError(`${name}: nc is ${count}, but names has ${texts.length}. Correct one of them.`);
  }
  return checkedNames(texts, name);
}

function listOf(names: ReadonlyMap<unknown, unknown>, name: string): unknown[] {
  const byNumber = new Map([...names].map(([key, value]) => [Number(key), value]));
  return Array.from({ length: names.size }, (_, i) => {
    if (byNumber.has(i)) return byNumber.get(i);
    throw new DataError(`${name}: names: class ${i} is missing. Number the ${names.size} classes from 0.`);
  });
}

function keypointsOf(fields: Fields, name: string): YoloConfig['keypoints'] {
  const shape = fields.get('kpt_shape');
  if (shape === undefined || shape === null) return undefined;
  const [count, dimensions] = Array.isArray(shape) ? (shape as unknown[]) : [];
  if (
    typeof count === 'number' &&
    Number.isInteger(count) &&
    count > 0 &&
    count <= 1000 &&
    (dimensions === 2 || dimensions === 3)
  ) {
    return { count, dimensions, names: keypointNamesOf(fields.get('kpt_names'), count, name) };
  }
  throw new DataError(`${name}: kpt_shape: must be [number of keypoints, 2 or 3], got ${foundIn(shape)}.`);
}

/** Reads `kpt_names`: a list for each class, by number, or one for all. All classes have the same number of keypoints; the first has the names. */
function keypointNamesOf(value: unknown, count: number, name: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined;
  const list: unknown = value instanceof Map ? [...value.values()][0] : value;
  if (Array.isArray(list) && list.length === count && list.every((one) => typeof one === 'string')) return list;
  throw new DataError(`${name}: kpt_names: must be ${count} names for each class, got ${foundIn(list)}.`);
}

/**
 * Finds a path that a configuration names, whatever it is relative to: the root, a folder beside it, or a path on another
 * machine, of which only the end can exist.
 */
export async function withinRoots(tree: Tree, path: string, roots: readonly string[]): Promise<string | undefined> {
  const unquoted = path.trim();
  for (const root of roots) {
    const whole = joined(root, unquoted);
    const found = await existing(tree, whole);
    if (found !== undefined) return found;
  }
  const parts = joined(unquoted).split('/');
  for (let from = 1; from < parts.length; from++) {
    for (const root of roots) {
      const found = await existing(tree, joined(root, ...parts.slice(from)));
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

async function existing(tree: Tree, path: string): Promise<string | undefined> {
  return (await tree.find(path, { beside: true })) ?? (await tree.findFolder(path, { beside: true }));
}
