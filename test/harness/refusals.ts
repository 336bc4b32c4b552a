import { CheckpointRefusal } from '../../src/formats/index.ts';

/** The refusal that something ends in; anything else is an error of the test. */
export async function refusalOf(action: () => Promise<unknown>): Promise<CheckpointRefusal> {
  try {
    await action();
  } catch (error) {
    if (error instanceof CheckpointRefusal) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
