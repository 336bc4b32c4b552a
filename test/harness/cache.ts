import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An own, empty cache for the tests of one `describe`, with no mirror unless one is named. */
export function useCache(): { readonly folder: string; mirror(address: string): void } {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-cache-'));
  const before_ = { cache: process.env.MOGANET_CACHE, mirror: process.env.MOGANET_MIRROR };
  const set = (name: 'MOGANET_CACHE' | 'MOGANET_MIRROR', value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  before(() => set('MOGANET_CACHE', folder));
  after(() => {
    set('MOGANET_CACHE', before_.cache);
    set('MOGANET_MIRROR', before_.mirror);
    rmSync(folder, { recursive: true, force: true });
  });
  return { folder, mirror: (address) => set('MOGANET_MIRROR', address) };
}
