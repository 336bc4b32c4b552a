import { availableParallelism } from 'node:os';
import { InvalidArgumentError } from 'commander';

type Result = import('../node.ts').Result;
type Model = import('../node.ts').Model;

/** Results in words. */

/** `12 window, 3 car`: the most frequent first. */
export function countsByClass(result: Result): string {
  const counts = new Map<string, number>();
  for (const { name } of result) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${count} ${name}`)
    .join(', ');
}

const shownShares = 5;

/** `facade 41 %, sky 22 %`: the largest first, without those below one percent. */
export function sharesByClass({ segmentation }: Result): string {
  if (!segmentation) return '';
  const { labels, names } = segmentation;
  const pixels = new Uint32Array(65536);
  for (const label of labels) pixels[label]!++;
  const shares = [...pixels.entries()]
    .map(([label, count]) => ({
      name: names[label] ?? `class ${label}`,
      percent: Math.round((100 * count) / labels.length),
    }))
    .filter(({ percent }) => percent > 0)
    .sort((a, b) => b.percent - a.percent);
  const shown = shares.slice(0, shownShares).map(({ name, percent }) => `${name} ${percent} %`);
  return [...shown, ...(shares.length > shownShares ? ['…'] : [])].join(', ');
}

/** `tabby 62.1 %, tiger cat 20.4 %`: all that were asked for. */
export function likelyClasses({ classification }: Result): string {
  if (!classification) return '';
  const { labels, scores, names } = classification;
  return Array.from(
    labels,
    (label, i) => `${names[label] ?? `class ${label}`} ${(100 * scores[i]!).toFixed(1)} %`,
  ).join(', ');
}

/** `finds window, car; segments sky, facade`. */
export function knownClasses({ classes: { detection, segmentation, classification } }: Model): string {
  const parts = [
    detection && `finds ${someOf(detection)}`,
    segmentation && `segments ${someOf(segmentation)}`,
    classification && `classifies into ${someOf(classification)}`,
  ];
  return parts.filter(Boolean).join('; ');
}

const shownNames = 12;

export function someOf(names: readonly string[]): string {
  if (names.length <= shownNames) return names.join(', ');
  return `${names.slice(0, shownNames).join(', ')}, … (${names.length} classes)`;
}

export function duration(milliseconds: number): string {
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

/** `27.4 MB`, in powers of ten as servers and shops count. */
export const bytes = (count: number): string =>
  count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;

/** `4 pictures`, or `4 files` where others are among them. */
export const countOf = (paths: readonly string[]): string =>
  plural(paths.length, paths.every((path) => path.endsWith('.png')) ? 'picture' : 'file');

/**
 * What `--threads` comes to, where that is not what was asked for.
 *
 * @param engine the one that runs
 * @param most as many as this process may use, to which the library keeps
 */
export function threadsNotice(
  asked: number | undefined,
  engine: string,
  most = availableParallelism(),
): string | undefined {
  if (asked === undefined || asked === 1) return undefined;
  if (engine !== 'onnxruntime')
    return `--threads ${asked} changes nothing: the engine ${engine} has one thread in Node.`;
  return asked > most ? `--threads ${asked}: this process may use ${most}, so it takes ${most}.` : undefined;
}

/** Values of options; a wrong one is said with what was expected. */

export function unitInterval(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError('Expected a number from 0 to 1.');
  return value;
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Expected a whole number from 1.');
  return Number(text);
}

/** `HxW`, or one number for a square. */
export function heightByWidth(text: string): { height: number; width: number } {
  const [height, width] = edges(text, 'Expected height×width in pixels, such as 800x1280.');
  return { height, width };
}

/** More pixels than an image may have: the network's input would not fit into memory. */
const mostPixels = 2 ** 26;

/** `HxW` of the network's input, within what can be run. */
export function inputSize(text: string): { height: number; width: number } {
  const size = heightByWidth(text);
  if (size.height * size.width > mostPixels) {
    throw new InvalidArgumentError(`Expected at most ${mostPixels} pixels, such as 800x1280.`);
  }
  return size;
}

/** An option that may be given several times. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `WxH` as test scales are written: `1333x800`. Collects one per input. */
export function scales(text: string, before: readonly (readonly [number, number])[] = []) {
  return [...before, edges(text, 'Expected two edges in pixels, such as 1333x800.')];
}

function edges(text: string, expected: string): [number, number] {
  const match = /^([1-9]\d{0,4})(?:[x×,]([1-9]\d{0,4}))?$/i.exec(text);
  if (!match) throw new InvalidArgumentError(expected);
  return [Number(match[1]), Number(match[2] ?? match[1])];
}
