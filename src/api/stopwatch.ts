import type { Timings } from './result.ts';

export interface Stopwatch {
  /** Adds what `task` takes to `step`. */
  time<T>(step: string, task: () => Promise<T>): Promise<T>;
  /** As `time`, without what other steps took meanwhile. */
  rest<T>(step: string, task: () => Promise<T>): Promise<T>;
  /** All steps so far in milliseconds, and their `total`. */
  finish(): Timings;
}

export function stopwatch(): Stopwatch {
  const steps: Record<string, number> = {};
  const begun = performance.now();
  const sum = () => Object.values(steps).reduce((total, step) => total + step, 0);
  const measure = async <T>(step: string, task: () => Promise<T>, without: () => number): Promise<T> => {
    const before = without();
    const start = performance.now();
    const result = await task();
    steps[step] = (steps[step] ?? 0) + performance.now() - start - (without() - before);
    return result;
  };
  return {
    time: (step, task) => measure(step, task, () => 0),
    rest: (step, task) => measure(step, task, sum),
    finish: () => ({ ...steps, total: performance.now() - begun }),
  };
}
