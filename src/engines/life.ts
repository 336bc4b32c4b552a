import type { EngineError } from '../errors.ts';

/** The life of what an engine computes on, which may end for good: a graphics device, or the memory of WebAssembly. */
export interface Life {
  /** Returns why it has ended, undefined while it goes on. */
  loss(): EngineError | undefined;
  /** Ends it: whoever waits hears the error. A second end changes nothing. */
  end(error: EngineError): void;
  /** Waits for work on it. @throws EngineError as soon as it has ended: some of the work would go on for ever */
  wait<T>(work: Promise<T>): Promise<T>;
}

export function newLife(): Life {
  let ended: EngineError | undefined;
  // not `Promise.race`, which would keep every result as long as this lives
  const waiting = new Set<(error: EngineError) => void>();
  return {
    loss: () => ended,
    end: (error) => {
      ended ??= error;
      for (const reject of waiting) reject(ended);
      waiting.clear();
    },
    wait: (work) =>
      new Promise((resolve, reject) => {
        if (ended) {
          work.catch(() => {}); // nobody else waits for it
          reject(ended);
          return;
        }
        waiting.add(reject);
        work.then(resolve, reject).finally(() => waiting.delete(reject));
      }),
  };
}

/** By its name: `WebAssembly.RuntimeError` is not among the names of the language itself. */
export const isTrap = (error: unknown): error is Error => error instanceof Error && error.name === 'RuntimeError';
