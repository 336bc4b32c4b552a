import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { exitCodes } from './failure.ts';

let closed = false;

/** Whether the reader of stdout has gone (`| head`). */
export const stdoutClosed = (): boolean => closed;

/**
 * A reader that closed the pipe has seen enough: no message, no stack, and what is being written elsewhere is finished.
 * Any other fault of stdout or stderr ends the process with one line.
 *
 * @param cleanUp called before the process ends
 */
export function watchStandardStreams(cleanUp: () => void): void {
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        if (name === 'stdout') closed = true;
        return;
      }
      cleanUp();
      try {
        writeSync(2, `error: ${name} cannot be written: ${error.message}.\n`);
      } catch {
        // nobody is left to be told
      }
      process.exit(exitCodes.failure);
    });
  }
}

/** Writes to stdout and waits where its reader is slow, so that nothing piles up in memory. */
export async function writeToStdout(content: string | Uint8Array): Promise<void> {
  if (closed || process.stdout.write(content)) return;
  try {
    await once(process.stdout, 'drain');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error; // its listener has ended the process
  }
}
