/** Those who want to hear of something. */
export interface Listeners<T> {
  /** Calls `listener` from now on. Returns the function that ends it. */
  add(listener: (value: T) => void): () => void;
  tell(value: T): void;
  /** Returns functions that tell one listener each what `value` is then. */
  steps(value: () => T): (() => void)[];
}

export function createListeners<T>(): Listeners<T> {
  const listeners = new Set<(value: T) => void>();
  return {
    add(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    tell(value) {
      for (const listener of [...listeners]) listener(value);
    },
    steps: (value) => Array.from(listeners, (listener) => () => listener(value())),
  };
}
