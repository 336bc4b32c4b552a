import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Bundles the library for pages without a bundler. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files of the engine wasm, which are served beside a bundle. */
export const tfjsWasmFiles: readonly string[] = ['', '-simd', '-threaded-simd'].map((variant) =>
  join(root, `node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm${variant}.wasm`),
);

/** The names of the files that a page imports, and what they are made of. The two sides of a worker share no modules, which would all be the page's. */
const libraries: readonly Readonly<Record<string, string>>[] = [
  { moganet: 'src/page.ts', 'moganet-ort': 'src/ort_page.ts' },
  { 'moganet-worker': 'src/worker/page.ts' },
  { 'moganet-thread': 'src/worker/thread.ts' },
];

/**
 * Writes ES modules that a page imports from any static host. What an engine or a format needs is in files of its own beside
 * them, which are imported when they are needed; TensorFlow.js's WebAssembly lies there, too.
 */
export async function buildPageFiles(folder: string): Promise<void> {
  for (const entryPoints of libraries) {
    await build({
      absWorkingDir: root,
      entryPoints,
      outdir: folder,
      chunkNames: '[name]-[hash]',
      bundle: true,
      splitting: true,
      format: 'esm',
      platform: 'browser',
      target: 'es2022',
      minify: true,
      logLevel: 'warning',
    });
  }
  // where the page's side looks for it; the thread itself looks for files beside the library
  mkdirSync(join(folder, 'worker'), { recursive: true });
  writeFileSync(join(folder, 'worker/thread.js'), "import '../moganet-thread.js';\n");
  for (const file of tfjsWasmFiles) copyFileSync(file, join(folder, basename(file)));
}
