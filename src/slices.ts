/**
 * Long arithmetic in slices. A function that may take long is a generator that yields after every few milliseconds of work. Who has the
 * thread to itself drains it (`atOnce`); who shares the thread gives it back in between (`inSlices`).
 */

/** Work that stops after each slice and goes on when asked to. */
export type Sliced<T> = Generator<undefined, T, undefined>;

/** Gives the thread back if that is due, and then throws the reason of an abort. Undefined if nothing is due, which costs nothing. */
export type Pause = () => Promise<void> | undefined;

/** Does sliced work without a pause. */
export function atOnce<T>(work: Sliced<T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

/** Does sliced work with a pause, if one is due, after each slice. */
export async function inSlices<T>(work: Sliced<T>, pause: Pause): Promise<T> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    const due = pause();
    if (due) await due;
  }
}
