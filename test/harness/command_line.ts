import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePng } from '../../src/formats/png_write_node.ts';

/** The command line as a user meets it: a process with its words, exit code and files. */

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const tsx = import.meta.resolve('tsx');

export interface Ended {
  /** 128 and the number of the signal, where one ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running extends Promise<Ended> {
  readonly process: ReturnType<typeof spawn>;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Modules that Node loads first. */
  readonly imports?: readonly string[];
}

/** How Node is started for it. */
function invocation(words: readonly string[], { env, imports = [] }: RunOptions) {
  const loaded = [...imports, tsx].flatMap((module) => ['--import', module]);
  const configuration = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
  return {
    args: [...loaded, main, ...words],
    env: { ...process.env, NO_COLOR: '1', TSX_TSCONFIG_PATH: configuration, ...env },
  };
}

/** With bytes on stdin and, taken as they are, from stdout; or stdout into an open file. */
export function piped(words: readonly string[], input: Uint8Array, options: RunOptions = {}, into?: number) {
  const { args, env } = invocation(words, options);
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    env,
    input,
    stdio: ['pipe', into ?? 'pipe', 'pipe'],
    maxBuffer: 2 ** 28,
  });
  return { code: status, stdout, stderr: stderr.toString('utf8') };
}

export function moganet(words: readonly string[], options: RunOptions = {}): Running {
  const { args, env } = invocation(words, options);
  const child = spawn(process.execPath, args, { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    // as a shell says it
    child.on('close', (code, signal) => resolve({ code: signal ? 128 + constants.signals[signal] : code, ...text }));
  });
  return Object.assign(ended, { process: child });
}

/** An own folder for the tests of one `describe`, gone afterwards. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A small picture: stripes whose place depends on `seed`. */
export function writePhoto(path: string, seed = 0, { width, height } = { width: 48, height: 40 }): void {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    data[4 * i] = (i * 7 + seed * 31) % 256;
    data[4 * i + 1] = (Math.floor(i / width) * 11 + seed * 17) % 256;
    data[4 * i + 2] = (seed * 53) % 256;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodePng({ width, height, data }));
}
