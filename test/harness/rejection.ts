import { CheckpointRefusal } from '../../src/formats/index.ts';

/** Returns the refusal that an action ends in. Any other outcome is an error of the test. */
export async function refusalOf(action: () => Promise<unknown>): Promise<CheckpointRefusal> {
  try {
    await action();
  } catch (error) {
    if (error instanceof CheckpointRefusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Returns the error that a promise rejects with. A promise that resolves fails the test. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
