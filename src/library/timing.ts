import type { Timings } from '../results/fields.ts';

/** Measures the steps of a prediction, and gives other work its turn between them. */

export interface Stopwatch {
  /** Adds the time that `work` takes to `step`. */
  time<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Adds the time that `work` takes to `step`, without the time of steps measured inside. */
  rest<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Returns all steps in milliseconds, and their `total`. */
  finish(): Timings;
}

export function stopwatch(): Stopwatch {
  const steps: Record<string, number> = {};
  const begun = performance.now();
  const sum = () => Object.values(steps).reduce((total, step) => total + step, 0);
  const measure = async <T>(step: string, work: () => Promise<T>, inside: () => number): Promise<T> => {
    const before = inside();
    const start = performance.now();
    const result = await work();
    steps[step] = (steps[step] ?? 0) + performance.now() - start - (inside() - before);
    return result;
  };
  return {
    time: (step, work) => measure(step, work, () => 0),
    rest: (step, work) => measure(step, work, sum),
    finish: () => ({ ...steps, total: performance.now() - begun }),
  };
}

/** Waits until timers, clicks and messages that are due have run: an engine that computes on the caller's thread blocks them. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?: (callback: () => void) => void };
    // Node runs timers, I/O and immediates one after the other: one round of all
    if (setImmediate) setTimeout(() => setImmediate(resolve), 0);
    else {
      // a page's timers wait 4 ms, and a second in a hidden tab; messages do not
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }
  });
}
