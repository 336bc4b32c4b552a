/** One task after the other, whoever asks. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function taskQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => {}); // whoever asked gets the error; the next task runs all the same
    return result;
  };
}
