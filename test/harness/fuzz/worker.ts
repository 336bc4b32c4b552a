import { parentPort, workerData } from 'node:worker_threads';
import { Finding, type Fuzzer, fuzz } from './index.ts';

/** The thread that reads. It may hang or run out of memory, so it announces each input before it reads it. */

export interface WorkerTask {
  /** A module that exports `readers`. */
  readonly module: string;
  readonly reader: string;
  readonly seed: number;
  readonly count: number;
  readonly from: number;
  /** Shared: the current input, the time of its start in milliseconds, and the counts of the inputs before. */
  readonly state: Float64Array;
}

const { module, reader, seed, count, from, state } = workerData as WorkerTask;
const { readers } = (await import(module)) as { readers: Readonly<Record<string, Fuzzer>> };
try {
  const counts = await fuzz(readers[reader]!, { seed, count, from }, (i, { read, refused, slowest }) => {
    state.set([i, Date.now(), read, refused, slowest.milliseconds, slowest.input]);
  });
  parentPort!.postMessage({ counts });
} catch (error) {
  if (!(error instanceof Finding)) throw error;
  const { counts, input } = error.cause as { counts: unknown; input: number };
  parentPort!.postMessage({ counts, input, text: error.message });
}
