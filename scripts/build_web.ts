/** Builds the page into `dist/web`, from the sources of the library: `npm run web` serves it. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'vite';

/** Empties `dist/web` and writes the page. */
export async function buildWeb(): Promise<void> {
  await build({ configFile: fileURLToPath(new URL('../web/vite.config.ts', import.meta.url)), logLevel: 'warn' });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await buildWeb();
