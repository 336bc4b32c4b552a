import { parentPort, workerData } from 'node:worker_threads';
import { MoganetError } from '../errors.ts';
import { loadPredictor } from './detector.ts';
import { type PlainError, plainError } from './failure.ts';
import { type Outcome, openFont, outcomesBy, type Recipe } from './outcome.ts';
import { configFor, type PlannedInput } from './plan.ts';

/** A thread of `--workers`: loads a model, then answers images with their outcomes. */

export interface WorkerData {
  readonly recipe: Recipe;
  readonly threads: number | undefined;
}

export interface ToWorker {
  readonly id: number;
  readonly input: PlannedInput;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  /** The model could not be loaded. */
  | { readonly kind: 'unable'; readonly error: PlainError }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError };

const port = parentPort;
if (!port) throw new Error('this module runs on a thread of `moganet … --workers`');
const { recipe, threads } = workerData as WorkerData;
const { engine, device, ema, prefix, ignore, model: chosen, detector } = recipe.job;
const send = (message: FromWorker, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

try {
  const library = await import('../node.ts');
  // what was to be downloaded is there: the first worker has loaded it
  const { predictor } = await loadPredictor(library, chosen, detector, {
    engine,
    device,
    threads,
    ema,
    prefix,
    ignore,
    configure: (full) => configFor(library, recipe.job, full),
  });
  const cook = outcomesBy(library, predictor, recipe, await openFont(recipe.job));
  port.on('message', async ({ id, input }: ToWorker) => {
    try {
      const outcome = await cook(input);
      // a Buffer may share its memory with others
      const contents = outcome.contents.map((bytes) =>
        bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice(),
      );
      send(
        { kind: 'outcome', id, outcome: { ...outcome, contents } },
        contents.map(({ buffer }) => buffer as ArrayBuffer),
      );
    } catch (error) {
      send({ kind: 'failed', id, error: plainError(error) });
    }
  });
  send({ kind: 'ready' });
} catch (error) {
  if (!(error instanceof MoganetError)) throw error; // a mistake in this package, which is reported with its stack
  send({ kind: 'unable', error: plainError(error) });
}
