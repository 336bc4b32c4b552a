import { entries, type ZooEntry } from '../../configs/index.ts';
import { mogaNetSize } from '../backbones/moganet.ts';
import { ConfigError, shortened, unknownName } from '../errors.ts';
import { foundIn, isObject } from '../validate.ts';

/** The published and shipped models: how they are found, and the terms of their weights. */

export { entries, hashInName, type Publisher, type ZooEntry } from '../../configs/index.ts';

const weightsEnding = /\.(pth|pth\.tar|pt|safetensors)$/i;

/**
 * Returns a published or shipped model by its name. Official spellings of sizes are aliases (`moganet_xtiny`,
 * `moganet-x-tiny`), and so are the names of the published weight files. A path or URL is no name: it means that very file.
 *
 * @throws ConfigError with the nearest names
 */
export function findEntry(name: string): ZooEntry {
  if (typeof name !== 'string') throw new ConfigError(`the name of a model is a string, got ${foundIn(name)}.`);
  const found = /[/\\]/.test(name) ? undefined : entries.find((entry) => isNamed(entry, name));
  if (found) return found;
  if (/\.json$/i.test(name)) {
    throw new ConfigError(
      `"${shortened(name)}" names a file, and a configuration is an object: read the file first, as in ` +
        '{ config: configFromText(text, name), weights }.',
    );
  }
  if (weightsEnding.test(name)) {
    throw new ConfigError(
      `"${shortened(name)}" is not the name of a model. A file of weights is given as { weights: file }.`,
    );
  }
  const names = entries.map((entry) => entry.name);
  throw new ConfigError(unknownName('model', name, names));
}

/**
 * Says if `wanted` means the entry: its name, the name of its published file, or another spelling of them
 * (`moganet-x-tiny`). Folders, file endings and a browser's ` (1)` do not matter.
 */
export function isNamed({ name, weights }: ZooEntry, wanted: string): boolean {
  const canonicalName = canonical(wanted);
  return name === canonicalName || (weights?.url !== undefined && canonical(weights.url) === canonicalName);
}

/** Lower case, underscores, and the short forms of a MogaNet size and of multi-scale training. */
function canonical(name: string): string {
  const words = name
    .replace(/^.*[/\\]/, '')
    .toLowerCase()
    .replace(/ \(\d+\)(?=\.|$)/, '')
    .replace(weightsEnding, '')
    .replace(/-/g, '_')
    .replace('mstrain_480_800', 'ms');
  return words.replace(/(^|_)moganet_(x_)?([a-z]+)(?=_|$)/, (whole, before: string, x = '', size: string) => {
    const short = mogaNetSize(x + size);
    return short ? `${before}moganet_${short}` : whole;
  });
}

/** The terms under which weights and their training data are published. Facts to read up, not legal advice. */
export interface Terms {
  /** Licence and publisher of the weights. */
  readonly weights: string;
  /** Title and licence of each data set that they were trained on. */
  readonly data: readonly string[];
}

/** Checks that a caller gives an entry. @throws ConfigError */
export function checkEntry(value: unknown, call: string): void {
  if (isObject(value) && typeof value.name === 'string' && isObject(value.config)) return;
  throw new ConfigError(`${call} takes an entry, as findEntry(name) returns it, got ${foundIn(value)}.`);
}

/** Returns the terms of an entry's published weights. Those of shipped weights are in the package's THIRD_PARTY_NOTICES. */
export function termsOf(entry: ZooEntry): Terms | undefined {
  checkEntry(entry, 'termsOf');
  const { weights, publisher, trainedOn = [] } = entry;
  if (!weights?.url || !publisher) return undefined;
  return {
    weights: `${publisher.licence} (${publisher.name})`,
    data: trainedOn.map(({ title, licence = 'none stated' }) => `${title}: ${licence}`),
  };
}
