import { fileURLToPath } from 'node:url';
import type { BuildOptions } from 'esbuild';

/** How esbuild bundles the library for a page, from its sources. */
export const browserBundle = {
  absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  alias: {
    'moganet/render': './src/render/index.ts',
    'moganet/postprocess': './src/postprocess/index.ts',
    'moganet/ort': './src/ort.ts',
    moganet: './src/index.ts',
  },
  logLevel: 'warning',
} satisfies BuildOptions;
