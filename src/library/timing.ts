import type { Timings } from '../results/fields.ts';

/** Measures the steps of a prediction in milliseconds. */
export interface Stopwatch {
  /** Adds the time that `work` takes to `step`. */
  time<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Adds the time that `work` takes to `step`, without the steps that are measured inside it. */
  rest<T>(step: string, work: () => Promise<T>): Promise<T>;
  /** Does not count the time that `work` takes: another image is at work. */
  wait<T>(work: () => Promise<T>): Promise<T>;
  /** Returns all steps in milliseconds, their sums by kind, the `total` of the work, and what was `waited`. */
  finish(): Timings;
}

export interface StopwatchOptions {
  /** When the call came, as `performance.now()` says. What has passed since is `waited`. */
  readonly begun: number;
  /** Steps of the network. */
  readonly parts: readonly string[];
  /** Steps after the network. */
  readonly tasks: readonly string[];
}

/** Starts a stopwatch. */
export function stopwatch({ begun, parts, tasks }: StopwatchOptions): Stopwatch {
  const steps: Record<string, number> = {};
  let waited = performance.now() - begun;
  const sum = (names: readonly string[] = Object.keys(steps)) =>
    names.reduce((total, name) => total + (steps[name] ?? 0), 0);
  const measure = async <T>(step: string, work: () => Promise<T>, inside: () => number): Promise<T> => {
    const before = inside();
    const start = performance.now();
    const result = await work();
    steps[step] = (steps[step] ?? 0) + performance.now() - start - (inside() - before);
    return result;
  };
  return {
    time: (step, work) => measure(step, work, () => 0),
    rest: (step, work) => measure(step, work, () => sum()),
    wait: async (work) => {
      const start = performance.now();
      const result = await work();
      waited += performance.now() - start;
      return result;
    },
    finish: () => {
      const total = performance.now() - begun - waited;
      return { ...steps, network: sum(parts), postprocess: sum(tasks), total, waited };
    },
  };
}
