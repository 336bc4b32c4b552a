import type * as tf from '@tensorflow/tfjs-core';
import type { Sliced } from '../../slices.ts';
import { nextTurn } from '../../turn.ts';
import { type Queue, taskQueue } from '../engine.ts';
import type { Backend } from './backend.ts';

/** Work on a backend that gives the thread back: a stretch of it, then the page's turn with the page's backend, and so on. */

/**
 * The time after which the thread is given back. If the page uses another backend, going to ours and back takes about
 * 0.2 ms of it.
 */
const stretchMs = 10;

const queues = new WeakMap<tf.KernelBackend, Queue>();

/** Returns the queue of a backend: engines that share one share its memory, and what two runs need at once may not fit. */
export function queueOf({ instance }: Backend): Queue {
  const queue = queues.get(instance) ?? eagerQueue();
  queues.set(instance, queue);
  return queue;
}

/** Starts a task at once if nothing runs: what is disposed then is free when the call returns. */
function eagerQueue(): Queue {
  const inTurn = taskQueue();
  let waiting = 0;
  return async (task) => {
    const started = waiting === 0 ? task() : undefined;
    waiting++;
    try {
      return await inTurn(() => started ?? task());
    } finally {
      waiting--;
    }
  };
}

/**
 * Does the work on the backend, and gives the thread back between its steps when that is due.
 *
 * @throws what the work throws, or the reason of an abort; the work is then ended, and has freed what it made
 */
export async function inTurns<T>(backend: Backend, work: Sliced<T>, signal?: AbortSignal): Promise<T> {
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = backend.run(() => stretch(work));
      if (step.done) return step.value;
      await nextTurn();
    }
  } catch (error) {
    end(backend, work);
    throw error;
  }
}

function stretch<T>(work: Sliced<T>): IteratorResult<undefined, T> {
  const until = performance.now() + stretchMs;
  for (;;) {
    const step = work.next();
    if (step.done || performance.now() >= until) return step;
  }
}

/** Lets the work free what it holds. The memory of a dead backend goes with it. */
function end<T>(backend: Backend, work: Sliced<T>): void {
  try {
    work.return(undefined as T);
  } catch (error) {
    if (backend.isAlive()) throw error;
  }
}
