import { setImmediate as turn } from 'node:timers/promises';

/** How a run ends: exit codes, the errors behind them, and signals. */

export const exitCodes = { good: 0, failure: 1, usage: 2, someImages: 3 } as const;

export const exitCodesHelp = `Exit codes: 0 success, 1 failure, 2 wrong usage, 3 some images failed (the others are done),
130 and 143 interrupted.`;

/** The command line is wrong: exit code 2. */
export class UsageError extends Error {}

/** A file cannot or must not be written: exit code 1. */
export class OutputError extends Error {}

const signals = { SIGINT: 130, SIGTERM: 143 } as const;
type Signal = keyof typeof signals;

let cleanUp: (() => void) | undefined;

function end(signal: Signal): void {
  ignoreSignals(); // if the clean-up hangs, a second signal ends the process at once
  cleanUp?.();
  process.exit(signals[signal]);
}

function hearSignals(): void {
  if (!cleanUp) return; // a caller in this process (a test) handles signals itself
  for (const signal of Object.keys(signals)) process.on(signal, end);
}

function ignoreSignals(): void {
  for (const signal of Object.keys(signals)) process.removeListener(signal, end);
}

/** Cleans up before SIGINT and SIGTERM end the process with the exit code that a shell expects. */
export function endOnSignals(cleanUpFirst: () => void): void {
  cleanUp = cleanUpFirst;
  hearSignals();
}

/**
 * Runs work that has nothing to clean up and may block this thread for minutes. A blocked thread hears no signal, so our
 * handlers are removed meanwhile and the system ends the process at once.
 */
export async function endingAtOnce<T>(work: () => Promise<T>): Promise<T> {
  // lets a pending signal through; the first turn may be the rest of the current one
  await turn();
  await turn();
  ignoreSignals();
  try {
    return await work();
  } finally {
    hearSignals();
  }
}
