import { cpSync, existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { UnsupportedError } from '../errors.ts';
import { OutputError, UsageError } from './failure.ts';
import { checkFolder, explained } from './outputs.ts';
import { openTerminal } from './terminal.ts';
import { type Server, serve } from './web_server.ts';

interface Options {
  readonly port?: number;
  readonly out?: string;
  readonly quiet?: boolean;
}

const help = `
The page runs the demo model, or a checkpoint that you open in it, in your browser. Pictures stay on this machine. The
engines webgpu and ort-wasm need onnxruntime-web beside this package: npm install onnxruntime-web.

Examples:
  moganet web
  moganet web --port 3000
  moganet web --out site     (a folder for any static host)`;

/** `moganet web`: serves the page of the package, or writes it as a folder. */
export function addWebCommand(program: Command): void {
  program
    .command('web')
    .summary('serve the page that shows instances, segmentation and poses in a browser')
    .description(
      'Serves a page on this machine that shows instances, segmentation and poses of pictures and of the webcam.',
    )
    .option('-p, --port <number>', 'the port; by default 8080, or a free one', portOf)
    .option('-o, --out <folder>', 'write the page with its files into a folder instead')
    .option('-q, --quiet', 'only the URL and errors')
    .addHelpText('after', help)
    .action(async ({ port, out, quiet }: Options) => {
      const terminal = openTerminal({ quiet });
      if (out !== undefined && port !== undefined) {
        throw new UsageError('--out writes the page as a folder, and --port is for serving it. Leave one of them out.');
      }
      const folders = pageFolders();
      if (out !== undefined) {
        await writePage(folders, out);
        terminal.print(out);
        terminal.note('Put the folder on any static host. It needs https, and no settings.');
        return;
      }
      const { url } = await started(folders, port);
      terminal.print(url);
      if (folders.ort === undefined) {
        terminal.note('Without the engines webgpu and ort-wasm: npm install onnxruntime-web');
      }
      terminal.note('Open the URL in a browser. Ctrl+C ends it.');
      await new Promise(() => {}); // until a signal
    });
}

function portOf(text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65535) return port;
  throw new InvalidArgumentError('A port is a whole number up to 65535.');
}

/** The headers that isolate the page, so that engines may use several threads. */
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/** Without a port, takes another one if the usual is taken. @throws OutputError if the wanted port cannot be had */
async function started(folders: Readonly<Record<string, string>>, port: number | undefined): Promise<Server> {
  try {
    return await serve(folders, { port: port ?? 8080, headers: isolation });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (port === undefined && code === 'EADDRINUSE') return serve(folders, { headers: isolation });
    const reason = code === 'EADDRINUSE' ? 'another program has it' : `${code}`;
    throw new OutputError(`port ${port} cannot be served (${reason}). Leave out --port to take a free one.`);
  }
}

/**
 * Returns the folders of the page by the first part of their URLs: the built page, and files of the package that it reads. `ort` is
 * there if onnxruntime-web is.
 *
 * @throws UnsupportedError if the page was not built
 */
export function pageFolders(): Readonly<Record<string, string>> {
  const { resolve: find } = createRequire(import.meta.url);
  const root = dirname(find('moganet/package.json'));
  const page = join(root, 'dist/web');
  if (!existsSync(join(page, 'index.html'))) {
    throw new UnsupportedError(`the page is not built: there is no ${join(page, 'index.html')}. Run: npm run build`);
  }
  const folders = {
    '': page,
    models: join(root, 'samples/weights'),
    images: join(root, 'samples/images'),
    verify: join(root, 'samples/verify'),
    wasm: join(dirname(find('@tensorflow/tfjs-backend-wasm/package.json')), 'dist'),
  };
  try {
    return { ...folders, ort: dirname(find('onnxruntime-web/ort-wasm-simd-threaded.wasm')) };
  } catch {
    return folders; // onnxruntime-web is optional
  }
}

/** The files that the engines load, out of a folder that has more. */
const wantedFiles: Readonly<Record<string, RegExp>> = {
  ort: /^ort-wasm-simd-threaded(\.asyncify)?\.(mjs|wasm)$/,
  wasm: /\.wasm$/,
};

/** Copies everything that the page reads. @throws OutputError if the folder cannot be written, or has something in it */
async function writePage(folders: Readonly<Record<string, string>>, out: string): Promise<void> {
  checkFolder(out);
  await explained(out, async () => {
    if (existsSync(out) && readdirSync(out).length > 0) {
      throw new OutputError(`${resolve(out)} is not empty. Name a new folder, or empty it.`);
    }
    for (const [name, folder] of Object.entries(folders)) {
      const wanted = readdirSync(folder).filter((file) => wantedFiles[name]?.test(file) ?? true);
      for (const file of wanted) cpSync(join(folder, file), join(out, name, file), { recursive: true });
    }
  });
}
