/** Lets a place go. A second call does nothing. */
export type Leave = () => void;

/** A place for at most `width` at a time, given in the order in which it was asked for. */
export class Lane {
  private inside = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(private readonly width: number) {}

  /** Waits for a place. Whoever gets it has to let it go, whatever happens. */
  enter(): Promise<Leave> {
    return new Promise((resolve) => {
      const enter = () => {
        this.inside++;
        let left = false;
        resolve(() => {
          if (left) return;
          left = true;
          this.inside--;
          this.waiting.shift()?.();
        });
      };
      if (this.inside < this.width) enter();
      else this.waiting.push(enter);
    });
  }
}
