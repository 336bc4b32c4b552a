import type { Timings } from '../results/fields.ts';

/** Measures the steps of a prediction in milliseconds. */
export interface Stopwatch {
  /** Adds the time that `work` takes to `step`. */
  time<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Adds the time that `work` takes to `step`, without the steps that are measured inside it. */
  rest<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Returns all steps in milliseconds, and their `total`. */
  finish(): Timings;
}

/** Starts a stopwatch. */
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
