import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ImageSize, Network } from './networks.ts';

/** The contenders, each in a process of its own, which this process asks for one run at a time. */

export const root = fileURLToPath(new URL('..', import.meta.url));

/** This package, or that of another checkout. */
export interface PackageSpec {
  readonly kind: 'package';
  readonly engine: string;
  readonly threads: number;
  /** The module that is Node's entry. */
  readonly entry: string;
}

/** PyTorch's own ONNX export, run by onnxruntime. */
export interface ExportSpec {
  readonly kind: 'export';
  readonly runtime: 'onnxruntime-node' | 'onnxruntime-web';
  readonly form: string;
  readonly threads: number;
}

/** MogaNet as a user would write it with `tf.*` calls. */
export interface PlainSpec {
  readonly kind: 'plain';
  readonly backend: 'wasm';
}

/** The kinds of contender that bench/contender.ts runs. */
export type Spec = PackageSpec | ExportSpec | PlainSpec;

/** PyTorch eager, in peers/server.py. */
export interface TorchSpec {
  readonly kind: 'torch';
  readonly layout: 'contiguous' | 'channels_last';
  readonly threads: number;
  readonly python: string;
}

/** The files of a network: weights for this package, and the exports by form. */
export interface NetworkFiles {
  readonly weights: string;
  readonly exports: Readonly<Record<string, string>>;
}

export type Request =
  | { readonly do: 'load'; readonly network: Network; readonly files: NetworkFiles }
  | ({ readonly do: 'size' } & ImageSize)
  | { readonly do: 'run' }
  | { readonly do: 'outputs'; readonly file: string }
  | { readonly do: 'peak' }
  | { readonly do: 'about' };

export interface Answer {
  readonly error?: string;
  readonly ms?: number;
  readonly cpuMs?: number;
  readonly bytes?: number;
  readonly shapes?: readonly (readonly number[])[];
  readonly version?: string;
}

export interface Contender {
  readonly name: string;
  ask(request: Request): Promise<Answer>;
  close(): Promise<void>;
}

const contenderFile = fileURLToPath(new URL('contender.ts', import.meta.url));
const serverFile = fileURLToPath(new URL('peers/server.py', import.meta.url));

/** Starts the process of a contender. */
export function start(name: string, spec: Spec | TorchSpec): Contender {
  const [program, args] =
    spec.kind === 'torch'
      ? [spec.python, [serverFile, JSON.stringify(spec)]]
      : [process.execPath, ['--import', 'tsx', contenderFile, JSON.stringify(spec)]];
  return talkTo(name, spawn(program, args, { cwd: root, stdio: ['pipe', 'pipe', 'inherit'] }));
}

const prefix = 'bench:';

/** Sends lines to a process and takes its answers in order. Lines without the prefix are a library's own. */
function talkTo(name: string, child: ChildProcess): Contender {
  const { stdin, stdout } = child;
  if (!stdin || !stdout) throw new Error(`${name}: its process has no pipes`);
  const waiting: { resolve(answer: Answer): void; reject(error: Error): void }[] = [];
  createInterface({ input: stdout }).on('line', (line) => {
    if (line.startsWith(prefix)) waiting.shift()?.resolve(JSON.parse(line.slice(prefix.length)) as Answer);
  });
  const ended = new Promise<void>((resolve) => {
    const end = (reason: string) => {
      for (const { reject } of waiting.splice(0)) reject(new Error(`${name}: ${reason}`));
      resolve();
    };
    child.once('error', (error) => end(`its process does not start (${error.message})`));
    child.once('exit', (code, signal) => end(`its process ended (${signal ?? code})`));
  });
  stdin.on('error', () => {}); // the exit says why
  return {
    name,
    async ask(request) {
      const answer = await new Promise<Answer>((resolve, reject) => {
        if (child.exitCode !== null || child.signalCode !== null) {
          reject(new Error(`${name}: its process has ended`));
          return;
        }
        waiting.push({ resolve, reject });
        stdin.write(`${JSON.stringify(request)}\n`);
      });
      if (answer.error !== undefined) throw new Error(`${name}: ${answer.error}`);
      return answer;
    },
    async close() {
      stdin.end();
      const late = setTimeout(() => child.kill('SIGKILL'), 3000);
      await ended;
      clearTimeout(late);
    },
  };
}
