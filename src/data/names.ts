import * as z from 'zod/mini';
import { DataError } from '../errors.ts';
import { readJsonValue } from './json_value.ts';
import { joined } from './paths.ts';
import { decodeText, filledLines } from './text.ts';
import type { Tree } from './tree.ts';

/** Lists of class names beside labels that number them. */

const files = ['classes.txt', 'labels.txt', 'obj.names', 'labelmap.txt', 'label_names.txt'];

const classFile = z.looseObject({
  labels: z.array(z.string().check(z.minLength(1))).check(z.minLength(1)),
  ignore: z.optional(z.int().check(z.minimum(0), z.maximum(65_535))),
});

/** Reads `classes.json`: the classes of label maps, and the value that says "not labelled". Undefined for a file of another form. */
export async function classFileIn(tree: Tree, base: string): Promise<z.output<typeof classFile> | undefined> {
  const path = await tree.find(joined(base, 'classes.json'));
  if (path === undefined) return undefined;
  const result = z.safeParse(classFile, readJsonValue(await tree.read(path), tree.shown(path)));
  return result.success ? result.data : undefined;
}

/** Returns the names in the first list (a name a line) of classes in a folder. Undefined if there is none. */
export async function namesIn(
  tree: Tree,
  base: string,
  among: readonly string[] = files,
): Promise<string[] | undefined> {
  for (const file of among) {
    const path = await tree.find(joined(base, file));
    if (path === undefined) continue;
    const names = namesOf(decodeText(await tree.read(path), tree.shown(path)));
    if (names.length > 0) return checkedNames(names, tree.shown(path));
  }
  return undefined;
}

/** Reads one name a line. CVAT's `labelmap.txt` has comments and, after a colon, colours: `bolt:250,50,83::`. */
export function namesOf(text: string): string[] {
  const lines = filledLines(text);
  const isLabelMap = lines[0]?.startsWith('# label:') ?? false;
  return isLabelMap ? lines.filter((line) => !line.startsWith('#')).map((line) => line.split(':')[0]!) : lines;
}

/** Returns names of classes as they are. @throws DataError for a name that is there twice: results could not be told apart */
export function checkedNames(names: readonly string[], file: string): string[] {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return [...names];
  throw new DataError(`${file}: the class ${JSON.stringify(twice)} is there twice. Give every class its own name.`);
}
