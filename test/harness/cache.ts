import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Sets an empty cache for the tests of one `describe`, and no mirror by default. */
export function useCache(): { readonly folder: string; mirror(url: string): void } {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-cache-'));
  const previous = { cache: process.env.MOGANET_CACHE, mirror: process.env.MOGANET_MIRROR };
  const set = (name: 'MOGANET_CACHE' | 'MOGANET_MIRROR', value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  before(() => set('MOGANET_CACHE', folder));
  after(() => {
    set('MOGANET_CACHE', previous.cache);
    set('MOGANET_MIRROR', previous.mirror);
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, mirror: (url) => set('MOGANET_MIRROR', url) };
}
