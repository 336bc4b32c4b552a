import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';

/** Bundles the library for pages without a bundler, and the scripts of workers for those with one. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files of the engine wasm, which are served beside a bundle. */
export const tfjsWasmFiles: readonly string[] = ['', '-simd', '-threaded-simd'].map((variant) =>
  join(root, `node_modules/@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm${variant}.wasm`),
);

interface PageLibrary {
  /** The names of the files that a page imports, and what they are made of. */
  readonly entryPoints: Readonly<Record<string, string>>;
  /** What they import from elsewhere. */
  readonly external?: string[];
}

/** The two sides of a worker share no modules, which would all be the page's. */
const libraries: readonly PageLibrary[] = [
  { entryPoints: { moganet: 'src/page.ts', 'moganet-ort': 'src/ort_page.ts' } },
  { entryPoints: { 'moganet-worker': 'src/worker/page.ts' } },
  {
    entryPoints: { 'moganet-thread': 'src/worker/thread.ts', 'moganet-ort-thread': 'src/worker/ort_thread.ts' },
    external: ['onnxruntime-web'], // a bundler takes the user's, with its .wasm files
  },
];

/**
 * Parts of the decoder that a bundler of a page stumbles over, and what stands in their place: it would look for a file beside
 * the chunk, though the decoder comes with the modules, and put a text for `import.meta.url`, to which nothing can be assigned.
 */
const stumblingBlocks: readonly (readonly [string, string])[] = [
  ['new URL("mozjpeg_dec.wasm",import.meta.url).href', '"mozjpeg_dec.wasm"'],
  ['if(import.meta.url===undefined){import.meta.url="https://localhost"}', ''],
];

const plainDecoder: Plugin = {
  name: 'decoder for bundlers',
  setup: ({ onLoad }) => {
    onLoad({ filter: /mozjpeg_dec\.js$/ }, ({ path }) => {
      let contents = readFileSync(path, 'utf8');
      for (const [found, instead] of stumblingBlocks) {
        if (!contents.includes(found)) throw new Error(`${path} has no "${found}"`);
        contents = contents.replace(found, instead);
      }
      return { contents };
    });
  },
};

/**
 * Writes ES modules that a page imports from any static host. What an engine or a format needs is in files of its own beside
 * them, which are imported when they are needed; TensorFlow.js's WebAssembly lies there, too.
 */
export async function buildPageFiles(folder: string): Promise<void> {
  for (const { entryPoints, external } of libraries) {
    await build({
      absWorkingDir: root,
      entryPoints,
      external,
      plugins: [plainDecoder],
      // what TensorFlow.js asks for in Node; webpack answers for a module, and does not give it
      define: { __filename: 'undefined', __dirname: 'undefined' },
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

/**
 * Replaces the modules of the workers' scripts by those bundles. A bundler's development server serves a worker's script and all
 * that it imports as they are, and parts of TensorFlow.js are CommonJS, which no browser runs.
 *
 * @param folder has `browser` and `src`
 */
export function writeThreads(folder: string): void {
  for (const [module, bundle] of [
    ['thread', 'moganet-thread'],
    ['ort_thread', 'moganet-ort-thread'],
  ] as const) {
    writeFileSync(join(folder, `src/worker/${module}.js`), `import '../../browser/${bundle}.js';\n`);
  }
}
