/**
 * Builds the browser sample into a folder that any web server can serve, and with `--serve` serves it on this machine:
 *
 *     tsx scripts/build_browser.ts [--serve] [--port 8080]
 */
import { cp, mkdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { tfjsWasmFiles } from './build_page_files.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sample = join(root, 'samples/browser');

/** How esbuild bundles the library for a page, from its sources. */
export const browserBundle = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  minify: true,
  alias: { 'moganet/render': './src/render/index.ts', 'moganet/ort': './src/ort.ts', moganet: './src/index.ts' },
  logLevel: 'warning',
} satisfies BuildOptions;

/** Empties `folder` and writes the sample's page into it. */
export async function buildSample(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'images'), { recursive: true });
  await build({
    ...browserBundle,
    entryPoints: ['main.ts', 'worker.ts'].map((file) => join(sample, file)),
    outdir: folder,
    // the wasm backend is downloaded only if WebGL is missing
    splitting: true,
  });
  const files = [...['index.html', 'style.css'].map((file) => join(sample, file)), ...tfjsWasmFiles, weights];
  await Promise.all(files.map((file) => cp(file, join(folder, basename(file)))));
  await cp(join(root, 'samples/images'), join(folder, 'images'), { recursive: true });
}

const weights = join(root, 'samples/weights/facade.safetensors');

export interface Server {
  /** Ends with `/`. */
  readonly url: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
};

/** Serves a folder's files to this machine only. Port 0 takes a free one. */
export async function serve(folder: string, port = 0): Promise<Server> {
  const server = createServer(async ({ url = '/' }, response) => {
    try {
      const path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
      const file = resolve(folder, `.${path.endsWith('/') ? `${path}index.html` : path}`);
      if (!file.startsWith(resolve(folder) + sep)) throw new Error('outside the folder');
      const { size } = await stat(file);
      const type = types[extname(file)] ?? 'application/octet-stream';
      const content = await readFile(file);
      response.writeHead(200, { 'content-type': type, 'content-length': size, 'cache-control': 'no-cache' });
      response.end(content);
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is no such file.');
    }
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, '127.0.0.1', listening);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { serve: { type: 'boolean' }, port: { type: 'string', default: '8080' } } });
  const folder = join(sample, 'dist');
  await buildSample(folder);
  console.log(`built ${folder}`);
  if (values.serve) console.log(`open ${(await serve(folder, Number(values.port))).url} (Ctrl+C ends it)`);
}
