import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The folder of the package, whether this file runs from `src/` or from `dist/`. */
export const packageRoot: URL = findRoot();

function findRoot(): URL {
  let folder = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/') folder = new URL('../', folder);
  return folder;
}

/** The package's version. */
export function packageVersion(): string {
  return JSON.parse(readFileSync(new URL('package.json', packageRoot), 'utf8')).version;
}

/** The path of weights that the package ships. */
export function shippedWeights(file: string): string {
  return fileURLToPath(new URL(`samples/weights/${file}`, packageRoot));
}

/** The folder of the photos that the package ships. */
export const sampleImages: string = fileURLToPath(new URL('samples/images', packageRoot));

const shipped = (path: string): string => fileURLToPath(new URL(`samples/${path}`, packageRoot));

/** What `verify` holds the engines to. */
export const verifySamples = {
  numbers: shipped('verify/moganet_pico.safetensors'),
  photo: {
    image: shipped('images/street-house.jpg'),
    boxes: shipped('verify/street-house.json'),
    labels: shipped('verify/street-house.png'),
  },
} as const;
