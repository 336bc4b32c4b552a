import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';
import { defineConfig, type Plugin } from 'vite';

/** Builds the page into `dist/web`, from the sources of the library. `npm run web:dev` serves it while it is written. */

const root = fileURLToPath(new URL('..', import.meta.url));
const from = (path: string) => join(root, path);

/** Folders that the page reads and that are not copied into the build: `moganet web` serves them out of the package. */
export const mounts: Readonly<Record<string, string>> = {
  models: from('samples/weights'),
  images: from('samples/images'),
  verify: from('samples/verify'),
  ort: from('node_modules/onnxruntime-web/dist'),
  wasm: from('node_modules/@tensorflow/tfjs-backend-wasm/dist'),
};

const types: Readonly<Record<string, string>> = {
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
};

const images = readdirSync(from('samples/images'));

/** Serves the folders while the page is written, and leaves out the policy, which Vite's own scripts break. */
const development: Plugin = {
  name: 'development',
  apply: 'serve',
  transformIndexHtml: (html) => html.replace(/<meta\s+http-equiv="Content-Security-Policy"[^>]*>/, ''),
  configureServer: ({ middlewares }) => {
    middlewares.use(({ url = '/' }, response, next) => {
      const [, folder = '', name = ''] = new URL(url, 'http://localhost').pathname.split('/');
      const file = join(mounts[folder] ?? '', basename(name));
      if (!Object.hasOwn(mounts, folder) || !existsSync(file)) return next();
      response.setHeader('content-type', types[extname(file)] ?? 'application/octet-stream');
      createReadStream(file).pipe(response);
    });
  },
};

/** The build of the package puts these files beside the module that names them; in the sources they are in their package. */
const tfjsWasm: Plugin = {
  name: 'wasm files of TensorFlow.js',
  enforce: 'pre',
  transform: {
    filter: { id: /\/src\/platform\// },
    handler(code, id) {
      if (!code.includes("'./tfjs-backend-wasm")) return undefined;
      const folder = relative(dirname(id), from('node_modules/@tensorflow/tfjs-backend-wasm/dist'));
      return { code: code.replaceAll("'./tfjs-backend-wasm", `'${folder}/tfjs-backend-wasm`), map: null };
    },
  },
};

/** Writes the service worker with the list of the built files, so that it differs for each build. */
const serviceWorker: Plugin = {
  name: 'service worker',
  apply: 'build',
  generateBundle(_, bundle) {
    // not copied: the server has the first in `wasm`, and the decoder of JPEG is part of the modules
    for (const file of Object.keys(bundle)) if (/^wasm\/|mozjpeg_dec.*\.wasm$/.test(file)) delete bundle[file];
    const files = Object.keys(bundle).filter((file) => !file.endsWith('.html'));
    const always = [
      './',
      'models/facade.safetensors',
      'wasm/tfjs-backend-wasm-simd.wasm',
      ...images.map((file) => `images/${file}`),
    ];
    const { code } = transformSync(readFileSync(from('web/service_worker.ts'), 'utf8'), { loader: 'ts', minify: true });
    const list = JSON.stringify([...always, ...files.sort()]);
    const { version } = JSON.parse(readFileSync(from('package.json'), 'utf8')) as { readonly version: string };
    const name = `${version}-${createHash('sha256').update(list).digest('hex').slice(0, 16)}`;
    // beside the page: it may serve only what lies below it
    this.emitFile({
      type: 'asset',
      fileName: 'service_worker.js',
      source: `const builtFiles = ${list}, buildName = '${name}';\n${code}`,
    });
  },
};

/** The script that `moganet/worker/ort` starts by itself is that of the page, which would else be built twice. */
const workerScript: Plugin = {
  name: 'script of workers',
  enforce: 'pre',
  transform: {
    filter: { id: /\/src\/worker\/ort\.ts$/ },
    handler: (code) => ({ code: code.replaceAll("'./ort_thread.js'", "'../../web/thread.ts'"), map: null }),
  },
};

/** How the chunks of the page and of its workers are written. */
const output = {
  // `no_eval.ts` runs before zod looks for `eval`, wherever the chunks begin
  strictExecutionOrder: true,
  assetFileNames: ({ names }: { readonly names: readonly string[] }) =>
    /^tfjs-backend/.test(names[0] ?? '') ? 'wasm/[name][extname]' : 'assets/[name]-[hash][extname]',
};

export default defineConfig({
  root: from('web'),
  // any folder of any server
  base: './',
  cacheDir: from('out/vite'),
  plugins: [development, tfjsWasm, workerScript, serviceWorker],
  resolve: {
    alias: [
      { find: /^moganet$/, replacement: from('src/index.ts') },
      { find: /^moganet\/(ort|worker)$/, replacement: from('src/$1.ts') },
      { find: /^moganet\/worker\/(.*)$/, replacement: from('src/worker/$1.ts') },
      { find: /^moganet\/(render|postprocess|zoo)$/, replacement: from('src/$1/index.ts') },
    ],
    // the page names the files of onnxruntime-web itself: 41 MB that stay out of the build
    conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'development|production'],
  },
  worker: { format: 'es', plugins: () => [tfjsWasm, workerScript], rolldownOptions: { output } },
  build: {
    outDir: from('dist/web'),
    emptyOutDir: true,
    target: 'es2022',
    // files stay files: the policy allows no data: URLs for scripts
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 2000,
    rolldownOptions: { output, checks: { pluginTimings: false } },
  },
});
