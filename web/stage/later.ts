/** What waits until the picture is seen. */

export interface Later {
  /**
   * Runs all steps after the next frame has been painted, each in a task of its own. A round that has begun comes to its end first, so
   * that every step has its turn however often this is called.
   */
  run(): void;
  /** Leaves out what still waits. */
  cancel(): void;
}

/** @param steps is asked at the start of each round */
export function createLater(steps: () => readonly (() => void)[]): Later {
  let turn = 0;
  let state: 'resting' | 'waiting' | 'running' = 'resting';
  let again = false;

  function run(): void {
    if (state !== 'resting') {
      again = state === 'running';
      return;
    }
    const mine = turn;
    const round = steps();
    const next = (at: number) => {
      if (turn !== mine) return;
      if (at >= round.length) {
        rest();
        return;
      }
      state = 'running';
      setTimeout(next, 0, at + 1); // first, since a step may throw
      round[at]?.();
    };
    state = 'waiting';
    // a callback of a frame comes before that frame is painted, a task that it asks for after it
    requestAnimationFrame(() => setTimeout(next, 0, 0));
  }

  function rest(): void {
    state = 'resting';
    if (again) {
      again = false;
      run();
    }
  }

  return {
    run,
    cancel() {
      turn++;
      state = 'resting';
      again = false;
    },
  };
}
