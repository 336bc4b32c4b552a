/** Lets timers of `milliseconds` run at once while the work runs, for waits that are too long for a test. */
export async function withShort<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  const { setTimeout: start } = globalThis;
  const short = (run: (...values: unknown[]) => void, wait?: number, ...values: unknown[]) =>
    start(run, wait === milliseconds ? 1 : wait, ...values);
  Object.assign(globalThis, { setTimeout: short });
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout: start });
  }
}
