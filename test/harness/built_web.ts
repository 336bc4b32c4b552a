import { fileURLToPath } from 'node:url';
import { buildWeb } from '../../scripts/build_web.ts';
import { isCurrent } from '../../scripts/pack.ts';

const page = fileURLToPath(new URL('../../dist/web/index.html', import.meta.url));

/** Builds the page into `dist/web`, unless it is there and nothing is newer: the package has been built with it. */
export async function builtWeb(): Promise<void> {
  if (!isCurrent(page)) await buildWeb();
}
