import { entries, type ZooEntry } from '../../configs/index.ts';
import { mogaNetSize } from '../backbones/index.ts';
import { ConfigError, unknownName } from '../errors.ts';

export { ade20kNames, cocoNames, entries, imageNetNames, type ZooEntry } from '../../configs/index.ts';

/**
 * A published or shipped model by its name. Official spellings of sizes are aliases (`moganet_xtiny`, `moganet-x-tiny`),
 * and so are the stems of the published weight files.
 *
 * @throws ConfigError listing the known names
 */
export function findEntry(name: string): ZooEntry {
  const wanted = canonical(name);
  const found = entries.find((entry) => entry.name === wanted || stemOf(entry) === wanted);
  if (found) return found;
  const names = entries.map((entry) => entry.name);
  throw new ConfigError(unknownName('model', name, names));
}

/** Lower case, underscores, and the short forms of a MogaNet size and of multi-scale training. */
function canonical(name: string): string {
  const words = name
    .toLowerCase()
    .replace(/\.(pth|pth\.tar|safetensors)$/, '')
    .replace(/-/g, '_')
    .replace('mstrain_480_800', 'ms');
  return words.replace(/(^|_)moganet_(x_)?([a-z]+)(?=_|$)/, (whole, before: string, x = '', size: string) => {
    const short = mogaNetSize(x + size);
    return short ? `${before}moganet_${short}` : whole;
  });
}

function stemOf({ weights }: ZooEntry): string | undefined {
  const file = weights?.url?.split('/').at(-1);
  return file && canonical(file);
}

/** What class names to give a head of so many classes whose checkpoint names none. */
export function knownNames(count: number): readonly string[] | undefined {
  for (const { config } of entries) {
    const { detector, segmentor, classifier } = config;
    const names = detector?.classes ?? segmentor?.classes ?? classifier?.classes;
    if (typeof names === 'object' && names.length === count && count >= 80) return names;
  }
  return undefined;
}
