import { parentPort, workerData } from 'node:worker_threads';
import { MoganetError } from '../errors.ts';
import type { Predictor } from '../node.ts';
import { type LoadChoice, loadPredictor } from './detector.ts';
import { type PlainError, plainError } from './failure.ts';
import type { Library } from './model.ts';
import { type ObservedInput, observationsBy } from './observed.ts';
import { openFont, outcomesBy, type Recipe } from './outcome.ts';
import { configFor, type PlannedInput } from './plan.ts';

/** A thread of `--workers`: loads a model, then answers images with what becomes of them. */

export type WorkerData = {
  readonly threads: number | undefined;
} & (
  | {
      /** Takes a `PlannedInput` and answers with its `Outcome`. */
      readonly kind: 'outcomes';
      readonly recipe: Recipe;
    }
  | {
      /** Takes an `ObservedInput` and answers with its `Observation`. */
      readonly kind: 'observations';
      readonly job: LoadChoice;
    }
);

export type ToWorker =
  | { readonly kind: 'input'; readonly id: number; readonly input: unknown }
  /** Ends the thread, once an operation of onnxruntime is done that it may be at. */
  | { readonly kind: 'end' };

export type FromWorker<Outcome> =
  | { readonly kind: 'ready' }
  /** The model could not be loaded. */
  | { readonly kind: 'unable'; readonly error: PlainError }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PlainError };

const port = parentPort;
if (!port) throw new Error('this module runs on a thread of `moganet … --workers`');
const data = workerData as WorkerData;
const send = (message: FromWorker<unknown>, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);

/** Makes the outcome of an image, with the memory that is handed over with it. */
type Work = (input: unknown) => Promise<readonly [outcome: unknown, transfer?: ArrayBuffer[]]>;

async function outcomesFor(library: Library, predictor: Predictor, recipe: Recipe): Promise<Work> {
  const cook = outcomesBy(library, predictor, recipe, await openFont(recipe.job));
  return async (input) => {
    const outcome = await cook(input as PlannedInput);
    // a Buffer may share its memory with others
    const contents = outcome.contents.map((bytes) =>
      bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice(),
    );
    return [{ ...outcome, contents }, contents.map(({ buffer }) => buffer as ArrayBuffer)];
  };
}

function observationsFor(predictor: Predictor): Work {
  const observe = observationsBy(predictor);
  return async (input) => [await observe(input as ObservedInput)];
}

/** Undefined until the model is loaded. */
let work: Work | undefined;

port.on('message', async (message: ToWorker) => {
  // listeners of `exit` make it wait for threads that would abort the process if they were ended at once
  if (message.kind === 'end') process.exit();
  const { id, input } = message;
  try {
    if (!work) throw new Error('an image came before the thread was ready');
    const [outcome, transfer] = await work(input);
    send({ kind: 'outcome', id, outcome }, transfer);
  } catch (error) {
    send({ kind: 'failed', id, error: plainError(error) });
  }
});

try {
  const library = await import('../node.ts');
  // what was to be downloaded is there: the first worker has loaded it
  const { predictor } = await loadPredictor(library, data.kind === 'outcomes' ? data.recipe.job : data.job, {
    threads: data.threads,
    configure: data.kind === 'outcomes' ? (full) => configFor(library, data.recipe.job, full) : undefined,
  });
  work = data.kind === 'outcomes' ? await outcomesFor(library, predictor, data.recipe) : observationsFor(predictor);
  send({ kind: 'ready' });
} catch (error) {
  if (!(error instanceof MoganetError)) throw error; // a mistake in this package, which is reported with its stack
  send({ kind: 'unable', error: plainError(error) });
  port.close();
}
