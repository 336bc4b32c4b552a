import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/program.ts';
import { encodePng } from '../../src/platform/node/png.ts';

/**
 * Runs the command line and returns exit code and output: in this process, which takes milliseconds, or in a separate
 * one.
 */

export interface Ended {
  /** 128 and the signal's number if a signal ended the process. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes on stdin. */
  readonly input?: Uint8Array;
  /** stderr is a terminal, which shows progress. In this process only. */
  readonly tty?: boolean;
}

let busy = false;

/**
 * Runs the command line in this process, with its streams, folder and environment replaced. Runs one at a time. Use
 * `startMoganet` for signals, closed pipes and modules that are hidden from Node.
 */
export async function moganet(
  words: readonly string[],
  { cwd = '.', env, input, tty = false }: RunOptions = {},
): Promise<Ended & { /** The bytes of stdout. */ readonly bytes: Buffer }> {
  if (busy) throw new Error('two command lines share this process: await the first, or use startMoganet');
  busy = true;
  const folder = process.cwd();
  const written = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const write = (name: keyof typeof written) => (chunk: string | Uint8Array) => {
    written[name].push(Buffer.from(chunk as Uint8Array));
    return true;
  };
  const stdin = Object.assign(Readable.from(input ? [input] : []), { isTTY: input === undefined });
  const restore = [
    replace(process.stdout, { write: write('stdout'), isTTY: false, columns: undefined }),
    replace(process.stderr, { write: write('stderr'), isTTY: tty, columns: undefined }),
    replace(process, { stdin }),
    replace(process.env, { NO_COLOR: '1', ...env }),
  ];
  process.chdir(cwd);
  try {
    const code = await run(words);
    const [bytes, stderr] = [Buffer.concat(written.stdout), Buffer.concat(written.stderr)];
    return { code, bytes, stdout: bytes.toString(), stderr: stderr.toString() };
  } finally {
    process.chdir(folder);
    for (const undo of restore) undo();
    busy = false;
  }
}

/** Replaces properties of an object. @returns a function that restores them */
function replace(target: object, values: Readonly<Record<string, unknown>>): () => void {
  const before = Object.keys(values).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)] as const);
  for (const [key, value] of Object.entries(values)) {
    Object.defineProperty(target, key, { value, configurable: true, enumerable: true, writable: true });
  }
  return () => {
    for (const [key, descriptor] of before) {
      if (descriptor) Object.defineProperty(target, key, descriptor);
      else Reflect.deleteProperty(target, key);
    }
  };
}

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
const configuration = fileURLToPath(new URL('../../tsconfig.json', import.meta.url));
const tsx = import.meta.resolve('tsx');

export interface Running extends Promise<Ended> {
  readonly process: ReturnType<typeof spawn>;
}

export interface StartOptions extends Omit<RunOptions, 'tty'> {
  /** Modules that Node loads first. */
  readonly imports?: readonly string[];
  /** An open file that takes stdout. */
  readonly stdout?: number;
}

/** Starts the command line in a separate process, as a user does. */
export function startMoganet(words: readonly string[], options: StartOptions = {}): Running {
  const { cwd, env, imports = [], input, stdout = 'pipe' } = options;
  const loaded = [...imports, tsx].flatMap((module) => ['--import', module]);
  const child = spawn(process.execPath, [...loaded, main, ...words], {
    cwd,
    env: { ...process.env, NO_COLOR: '1', TSX_TSCONFIG_PATH: configuration, ...env },
    stdio: [input ? 'pipe' : 'ignore', stdout, 'pipe'],
  });
  child.stdin?.on('error', () => {}).end(input); // a refusal may come before all is read
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
      text[name] += chunk;
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    // the number that a shell reports
    child.on('close', (code, signal) => resolve({ code: signal ? 128 + constants.signals[signal] : code, ...text }));
  });
  return Object.assign(ended, { process: child });
}

/** Makes a folder for the tests of one `describe` and removes it afterwards. */
export function useFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-test-'));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a small image: stripes whose position depends on `seed`. */
export function writeImage(path: string, seed = 0, { width, height } = { width: 48, height: 40 }): void {
  const data = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) {
    data[4 * i] = (i * 7 + seed * 31) % 256;
    data[4 * i + 1] = (Math.floor(i / width) * 11 + seed * 17) % 256;
    data[4 * i + 2] = (seed * 53) % 256;
  }
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, encodePng({ width, height, data }));
}
