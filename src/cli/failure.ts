import { setImmediate as turn } from 'node:timers/promises';

/** Exit codes, and the errors that carry one. */

export const exitCodes = { good: 0, failure: 1, usage: 2, someImages: 3 } as const;

export const exitCodesHelp = `Exit codes: 0 all good, 1 failure, 2 wrong usage, 3 an image could not be read or run (the others are done),
130 and 143 interrupted.`;

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {}

const signals = { SIGINT: 130, SIGTERM: 143 } as const;
type Ending = keyof typeof signals;
const endings = Object.keys(signals) as Ending[];

let cleanUpOnce = (): void => {};

function end(signal: Ending): void {
  // whatever hangs from here on, a second signal finds the system's own way of ending
  release();
  cleanUpOnce();
  process.exit(signals[signal]);
}

function release(): void {
  for (const signal of endings) process.removeListener(signal, end);
}

function listen(): void {
  for (const signal of endings) process.on(signal, end);
}

/** Cleans up and ends as a shell expects of a signal. */
export function endOnSignals(cleanUp: () => void): void {
  cleanUpOnce = cleanUp;
  listen();
}

/**
 * Runs what leaves nothing to clean up and may keep this thread busy for minutes, in which it would hear no signal: the
 * system ends the process at once.
 */
export async function endingAtOnce<T>(work: () => Promise<T>): Promise<T> {
  // a signal that is here already is heard; the first turn may be the rest of this one
  await turn();
  await turn();
  release();
  try {
    return await work();
  } finally {
    listen();
  }
}
