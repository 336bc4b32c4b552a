import { setImmediate as turn } from 'node:timers/promises';
import {
  CheckpointError,
  ConfigError,
  DataError,
  DownloadError,
  EngineError,
  ImageError,
  isRefusal,
  MoganetError,
  type Refusal,
  ShapeError,
  UnsupportedError,
} from '../errors.ts';
import type { Progress } from '../node.ts';

/** How a run ends: exit codes, the errors behind them, and signals. */

export const exitCodes = { good: 0, failure: 1, usage: 2, someImages: 3 } as const;

export const exitCodesHelp = `Exit codes: 0 success, 1 failure, 2 wrong call, 3 some images failed (the others are done; if all fail, 1),
130 and 143 interrupted. A call is wrong if an argument, a name or a configuration is, or if a file that it names does not
exist or is of another kind. Images are an exception: a missing one has failed.`;

/** For commands that do not run over images. */
export const shortExitCodesHelp = 'Exit codes: 0 success, 1 failure, 2 wrong call, 130 and 143 interrupted.';

/** The command line is wrong. */
export class UsageError extends Error {}

/** A file cannot or must not be written. */
export class OutputError extends Error {}

type ErrorClass = abstract new (...args: never[]) => Error;

/**
 * The exit code of each error that ends a command. 2 means that the call names something wrong, so the same call cannot
 * succeed. An error about one image does not end a command: see `exitCodeOfImages`.
 */
const codes: readonly (readonly [ErrorClass, number])[] = [
  [UsageError, exitCodes.usage],
  [ConfigError, exitCodes.usage],
  [ShapeError, exitCodes.usage], // outside an image only a configuration or a size can contradict itself
  [UnsupportedError, exitCodes.usage],
  [OutputError, exitCodes.failure],
  [DataError, exitCodes.failure],
  [CheckpointError, exitCodes.failure],
  [ImageError, exitCodes.failure],
  [EngineError, exitCodes.failure],
  [DownloadError, exitCodes.failure],
  [MoganetError, exitCodes.failure],
];

/** The codes of refusals that say that the call names the wrong file, not that the file is damaged. */
const wrongFile: readonly string[] = ['unreadable', 'not-a-checkpoint'];

/** An error as plain data, for another thread. */
export interface PlainError {
  /** Its class, if it is one that a command explains. */
  readonly kind: string | undefined;
  readonly message: string;
  readonly stack: string | undefined;
}

export function plainError(error: unknown): PlainError {
  if (!(error instanceof Error)) return { kind: undefined, message: String(error), stack: undefined };
  const kind = [...codes.map(([one]) => one), RangeError].find((one) => error instanceof one)?.name;
  return { kind, message: error.message, stack: error.stack };
}

/** Returns the error of another thread as one of the same class. */
export function errorOf({ kind, message, stack }: PlainError): Error {
  const Kind = [...codes.map(([one]) => one as new (text: string) => Error), RangeError].find(
    ({ name }) => name === kind,
  );
  return Object.assign(new (Kind ?? Error)(message), { stack });
}

/** Tells whether a server or the network failed. The same call may succeed later, unless the server says that the call is wrong. */
function isOutage({ code, file, reason }: Refusal): boolean {
  if (code !== 'unreadable' || !/^https?:/i.test(file)) return false;
  const status = Number(/\banswered (\d{3})\b/.exec(reason)?.[1] ?? 0);
  return !(status >= 400 && status < 500 && ![408, 425, 429].includes(status));
}

/** Returns the exit code of an error that the user can mend. Undefined for a mistake in this package. */
export function exitCodeOf(error: unknown): number | undefined {
  if (isRefusal(error) && wrongFile.includes(error.code) && !isOutage(error)) return exitCodes.usage;
  return codes.find(([kind]) => error instanceof kind)?.[1];
}

/** Returns the exit code of a run over images. */
export function exitCodeOfImages(images: number, failed: number): number {
  if (failed === 0) return exitCodes.good;
  return failed < images ? exitCodes.someImages : exitCodes.failure;
}

const signals = { SIGINT: 130, SIGTERM: 143 } as const;
export type Signal = keyof typeof signals;

let cleanUp: ((signal: Signal) => void) | undefined;

function end(signal: Signal): void {
  ignoreSignals(); // if the clean-up hangs, a second signal ends the process at once
  cleanUp?.(signal);
  // `process.exit` would wait until a thread of an engine has computed its part; locks are let go as it does
  process.emit('exit', signals[signal]);
  process.kill(process.pid, signal);
  process.exit(signals[signal]); // if the system ignores the signal, as for the first process of a container
}

function hearSignals(): void {
  if (!cleanUp) return; // a caller in this process (a test) handles signals itself
  ignoreSignals(); // not twice
  for (const signal of Object.keys(signals)) process.on(signal, end);
}

function ignoreSignals(): void {
  for (const signal of Object.keys(signals)) process.removeListener(signal, end);
}

/** Cleans up before SIGINT and SIGTERM end the process with the exit code that a shell expects. */
export function endOnSignals(cleanUpFirst: (signal: Signal) => void): void {
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

/** Runs work that leaves something to clean up. A signal is heard when the step that blocks this thread ends. */
export async function hearingSignals<T>(work: () => Promise<T>): Promise<T> {
  await turn();
  return work();
}

/**
 * Runs loading as `endingAtOnce`, since reading a file may block this thread. Only a download is different: it has a lock
 * to release.
 *
 * @param pull there may be a download, before anything is read
 * @param onProgress hears what `work` reports
 */
export function loadingEndsAtOnce<T>(
  { pull = false }: { readonly pull?: boolean | undefined },
  onProgress: (progress: Progress) => void,
  work: (onProgress: (progress: Progress) => void) => Promise<T>,
): Promise<T> {
  return endingAtOnce(() => {
    if (pull) hearSignals();
    return work((progress) => {
      if (progress.stage === 'download') hearSignals();
      else ignoreSignals();
      onProgress(progress);
    });
  });
}
