/**
 * Builds the package into `dist/`: compiles the sources, puts the files of TensorFlow.js's wasm backend beside the module
 * that names them, where bundlers find them, bundles the library for pages without a bundler and the scripts of workers
 * into `dist/browser`, and builds the page into `dist/web`:
 *
 *     tsx scripts/build.ts
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildPageFiles, tfjsWasmFiles, writeThreads } from './build_page_files.ts';
import { buildWeb } from './build_web.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

rmSync(join(root, 'dist'), { recursive: true, force: true });
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
for (const file of tfjsWasmFiles) copyFileSync(file, join(root, 'dist/src/platform', basename(file)));
await buildPageFiles(join(root, 'dist/browser'));
writeThreads(join(root, 'dist'));
await buildWeb();
