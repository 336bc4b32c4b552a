import { entries, type ZooEntry } from '../../configs/index.ts';
import { ConfigError, unknownName } from '../errors.ts';
import { isNamed } from './names.ts';

export { ade20kNames, cocoNames, entries, imageNetNames, type ZooEntry } from '../../configs/index.ts';

/**
 * A published or shipped model by its name. Official spellings of sizes are aliases (`moganet_xtiny`, `moganet-x-tiny`),
 * and so are the stems of the published weight files.
 *
 * @throws ConfigError listing the known names
 */
export function findEntry(name: string): ZooEntry {
  const found = entries.find((entry) => isNamed(entry, name));
  if (found) return found;
  const names = entries.map((entry) => entry.name);
  throw new ConfigError(unknownName('model', name, names));
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
