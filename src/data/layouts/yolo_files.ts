import { DataError } from '../../errors.ts';
import { endingOf, fileNameOf, joined } from '../paths.ts';
import { headText } from '../text.ts';
import type { Tree } from '../tree.ts';

/** Finds the files that describe a YOLO data set, by their beginnings. */

/** Some configurations have a script to download the data set, and a hundred names. */
const headBytes = 65_536;

const usualName = /^(?:data|dataset)\.ya?ml$/i;
const namesSplits = /^["']?(?:train|val|test)["']?\s*:/m;
const namesClasses = /^["']?(?:names|nc)["']?\s*:/m;

/** Returns the configurations in a folder: Ultralytics' `data.yaml`, of whatever name, and Darknet's `obj.data`. */
export async function configsIn(tree: Tree, base: string): Promise<string[]> {
  const fitting: string[] = [];
  for (const name of await tree.files(base)) {
    const [path, ending] = [joined(base, name), endingOf(name)];
    if (!['.yaml', '.yml', '.data'].includes(ending)) continue;
    const head = headText(await tree.head(path, headBytes));
    const isDarknet = ending === '.data' && /^\s*names\s*=/m.test(head);
    const isYaml = ending !== '.data' && namesSplits.test(head) && (namesClasses.test(head) || usualName.test(name));
    if (isDarknet || isYaml) fitting.push(path);
  }
  return fitting;
}

/** Returns the one configuration in a folder, or `data.yaml` of several; undefined if there is none. @throws DataError if there are several */
export async function configIn(tree: Tree, base: string): Promise<string | undefined> {
  const fitting = await configsIn(tree, base);
  const usual = fitting.find((path) => usualName.test(fileNameOf(path)));
  if (usual !== undefined || fitting.length < 2) return usual ?? fitting[0];
  throw new DataError(
    `${tree.shown(base)}: several files describe a YOLO data set: ${fitting.map(fileNameOf).join(', ')}. ` +
      'Name one with the option `annotations`.',
  );
}
