/** Exit codes, and the errors that carry one. */

export const exitCodes = { good: 0, failure: 1, usage: 2, someImages: 3 } as const;

export const exitCodesHelp = `Exit codes: 0 all good, 1 failure, 2 wrong usage, 3 an image could not be read or run (the others are done),
130 and 143 interrupted.`;

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {}

/** Cuts what it was told to clean up and ends as a shell expects of a signal. */
export function endOnSignals(cleanUp: () => void): void {
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.once(signal, () => {
      cleanUp();
      process.exit(code);
    });
  }
}

/** A reader that closed the pipe (`| head`) has seen enough: no message, no stack. */
export function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(exitCodes.good);
      throw error;
    });
  }
}
