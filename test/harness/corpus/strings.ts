import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve, sep } from 'node:path';
import { outputStems, writeWhole } from '../../../src/cli/outputs.ts';
import type { CorpusRunner } from './case.ts';
import type { CorpusCase } from './manifest.ts';

/** Cases that are lists of hostile strings. */

interface Named {
  readonly names: readonly string[];
  readonly paths: readonly string[];
}

const suffix = '.classification.png';

export const strings: CorpusRunner<Named> = {
  unsupported: ({ class: list }: CorpusCase) => (list === 'names' ? undefined : 'the server is not supported yet'),
  load: async (path) => {
    const { names } = JSON.parse(readFileSync(path, 'utf8')) as { names: string[] };
    return { names, paths: outputStems(names) };
  },
  difference: async ({ names, paths }) => {
    const outer = mkdtempSync(join(tmpdir(), 'moganet-names-'));
    const out = join(outer, 'out');
    mkdirSync(out);
    try {
      return (
        (await faultOfPaths(names, paths, out)) ??
        (readdirSync(outer).join() === 'out' ? undefined : 'wrote beside the folder')
      );
    } finally {
      rmSync(outer, { recursive: true });
    }
  },
};

/** Every name gives another file below `out`, also on file systems that ignore case and limit the bytes of a name. */
async function faultOfPaths(
  names: readonly string[],
  paths: readonly string[],
  out: string,
): Promise<string | undefined> {
  const taken = new Set<string>();
  for (const [i, path] of paths.entries()) {
    const what = `${JSON.stringify(names[i])} → ${JSON.stringify(path)}`;
    const file = resolve(out, path + suffix);
    if (!file.startsWith(out + sep)) return `${what} leads out of the folder`;
    const long = path.split('/').find((part) => Buffer.byteLength(part) > 255 - Buffer.byteLength(suffix));
    if (long) return `${what} is too long`;
    const folded = path.normalize('NFC').toLowerCase();
    if (taken.has(folded)) return `${what} is also another input's path`;
    taken.add(folded);
    await writeWhole(file, [new TextEncoder().encode(`${i}`)]);
  }
  for (const [i, path] of paths.entries()) {
    const text = readFileSync(join(out, path + suffix), 'utf8');
    if (text !== `${i}`) return `${path} was overwritten by ${JSON.stringify(names[Number(text)])}`;
  }
  const written = readdirSync(out, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return written.length === names.length ? undefined : `${written.length} files for ${names.length} names`;
}
