import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { FuzzCounts, Fuzzer } from './index.ts';
import type { WorkerTask } from './worker.ts';

/** Runs a fuzzer in a separate thread and watches it, so that a hang is a finding, too. */

export interface WatchOptions {
  readonly reader: string;
  readonly seed: number;
  readonly count: number;
  /** The first input. Default 0. */
  readonly from?: number;
  /** The most seconds that one input may take. Default 5. */
  readonly seconds?: number;
  /** How much the process may grow. Default 1500. */
  readonly megabytes?: number;
  /** The folder for inputs that led to a finding. */
  readonly folder: string;
  /** A module that exports `readers`; by default `readers.ts`. */
  readonly module?: URL;
}

export interface WatchResult extends FuzzCounts {
  readonly findings: readonly string[];
  /** The most megabytes that the process grew by while it read. */
  readonly growth: number;
}

/** How a thread ended. */
interface Ended {
  readonly counts: FuzzCounts;
  readonly found?: { readonly input: number; readonly text: string };
}

const defaultReaders = new URL('./readers.ts', import.meta.url);
const megabyte = 2 ** 20;
/** Stands for the input's number before the first one is read. */
const notYet = -1;
/** Registers tsx, which threads do not inherit. */
const bootstrap = `
  import(${JSON.stringify(import.meta.resolve('tsx/esm/api'))})
    .then(({ register }) => register())
    .then(() => import(${JSON.stringify(new URL('./worker.ts', import.meta.url).href)}));
`;

/** Runs the inputs and continues after each finding. */
export async function watchedFuzz(options: WatchOptions): Promise<WatchResult> {
  const { reader, seed, count, folder, module = defaultReaders } = options;
  const { readers } = (await import(module.href)) as { readers: Readonly<Record<string, Fuzzer>> };
  const fuzzer = readers[reader]!;
  const findings: string[] = [];
  const total: FuzzCounts = { read: 0, refused: 0, slowest: { milliseconds: 0, input: 0 } };
  const start = process.memoryUsage.rss();
  const memory = { start, peak: start };
  for (let from = options.from ?? 0; from < count; ) {
    const { counts, found } = await runThread(options, module, from, memory);
    total.read += counts.read;
    total.refused += counts.refused;
    if (counts.slowest.milliseconds > total.slowest.milliseconds) total.slowest = counts.slowest;
    if (!found) break;
    const file = join(folder, `fuzz-${reader}-${seed}-${found.input}.bin`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, fuzzer.input(seed, found.input));
    findings.push(`${found.text}\n    written to ${file}`);
    from = found.input + 1;
  }
  return { ...total, findings, growth: (memory.peak - memory.start) / megabyte };
}

function runThread(
  { reader, seed, count, seconds = 5, megabytes = 1500 }: WatchOptions,
  module: URL,
  from: number,
  memory: { start: number; peak: number },
): Promise<Ended> {
  const state = new Float64Array(new SharedArrayBuffer(48));
  state.set([notYet, Number.POSITIVE_INFINITY]);
  const countsBefore = (): FuzzCounts => {
    return { read: state[2]!, refused: state[3]!, slowest: { milliseconds: state[4]!, input: state[5]! } };
  };
  const task: WorkerTask = { module: module.href, reader, seed, count, from, state };
  const worker = new Worker(bootstrap, { eval: true, workerData: task });
  const at = (input: number, what: string) => ({ input, text: `input ${input} of seed ${seed}: ${what}` });
  return new Promise((resolve, reject) => {
    const end = (ended: Ended) => {
      clearInterval(watch);
      void worker.terminate().then(() => resolve(ended), reject);
    };
    const watch = setInterval(() => {
      const [input, since] = [state[0]!, state[1]!];
      const rss = process.memoryUsage.rss();
      if (input === notYet) memory.start = rss;
      memory.peak = Math.max(memory.peak, rss);
      if (Date.now() - since > seconds * 1000)
        end({ counts: countsBefore(), found: at(input, `no end after ${seconds} s`) });
      else if (rss - memory.start > megabytes * megabyte)
        end({ counts: countsBefore(), found: at(input, `more than ${megabytes} MB`) });
    }, 50);
    worker.on('message', ({ counts, input, text }: { counts: FuzzCounts; input?: number; text?: string }) =>
      end(input === undefined ? { counts } : { counts, found: { input, text: text! } }),
    );
    worker.on('error', (error) => {
      if (state[0] === notYet) reject(error);
      else end({ counts: countsBefore(), found: at(state[0]!, `the thread ends with ${error.stack ?? error}`) });
    });
  });
}
