/** Lets a place go. A second call does nothing. */
export type Leave = () => void;

/** A place for at most `width` at a time, given in the order in which it was asked for. */
export class Lane {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly width: number) {}

  /**
   * Waits for a place. Whoever gets it has to let it go, whatever happens.
   *
   * @throws the signal's reason if it is aborted while this waits; the place then goes to the next
   */
  enter(signal?: AbortSignal): Promise<Leave> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.waiting.splice(this.waiting.indexOf(enter), 1);
        reject(signal?.reason);
      };
      const enter = () => {
        signal?.removeEventListener('abort', giveUp);
        this.inside++;
        let left = false;
        resolve(() => {
          if (left) return;
          left = true;
          this.inside--;
          this.waiting.shift()?.();
        });
      };
      if (this.inside < this.width) {
        enter();
        return;
      }
      this.waiting.push(enter);
      signal?.addEventListener('abort', giveUp, { once: true });
      if (signal?.aborted) giveUp();
    });
  }
}
