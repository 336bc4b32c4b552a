import { join } from 'node:path';
import { MoganetError } from '../../../src/errors.ts';
import type { CorpusCase } from './manifest.ts';

/** Runs one case through the library and compares it with its entry of the manifest. */

/** Reads files of one kind, and compares the result with the manifest. */
export interface CorpusRunner<Value> {
  /** Calls the library. Only this is timed and measured. */
  readonly load: (path: string, entry: CorpusCase) => Promise<Value>;
  /** Returns what differs from the manifest; `undefined` if nothing does. */
  readonly difference: (value: Value, entry: CorpusCase, folder: string) => Promise<string | undefined>;
  /** Returns why a case cannot be run; `undefined` if it can. */
  readonly unsupported?: (entry: CorpusCase) => string | undefined;
  /** Checks what the case asks for beside its file, not timed. Returns what is wrong; `undefined` if nothing is. */
  readonly also?: (path: string, entry: CorpusCase) => Promise<string | undefined>;
  /** Returns a remark on a case that passes. */
  readonly note?: (value: Value, entry: CorpusCase, folder: string) => Promise<string | undefined>;
}

export interface Outcome {
  readonly passed: boolean;
  /** The error's text or the difference, in one line. */
  readonly text: string;
  readonly accepted: boolean;
  readonly seconds: number;
  /** For cases that are measured. */
  readonly growthMb?: number;
}

/** The most characters of a message that a person can still read. */
const longestMessage = 4000;

/** @param onLoaded called as soon as the library is done. A fault of the library is an outcome, never thrown. */
export async function runCase<Value>(
  runner: CorpusRunner<Value>,
  entry: CorpusCase,
  folder: string,
  onLoaded: () => void = () => undefined,
): Promise<Outcome> {
  const outcome = withLimits(await loaded(runner, entry, folder, onLoaded), entry);
  const also = async () => runner.also?.(join(folder, entry.file), entry);
  const fault = outcome.passed ? await also().catch((error) => `${error.stack ?? error}`) : undefined;
  return fault === undefined ? outcome : { ...outcome, passed: false, text: fault };
}

async function loaded<Value>(
  runner: CorpusRunner<Value>,
  entry: CorpusCase,
  folder: string,
  onLoaded: () => void,
): Promise<Outcome> {
  const start = performance.now();
  const done = () => {
    onLoaded();
    return (performance.now() - start) / 1000;
  };
  let value: Value;
  try {
    value = await runner.load(join(folder, entry.file), entry);
  } catch (error) {
    const seconds = done();
    const fault = entry.expect === 'accept' ? `was refused: ${error}` : faultOf(error, entry);
    return { passed: fault === undefined, text: fault ?? String(error), accepted: false, seconds };
  }
  const seconds = done();
  const fault =
    entry.expect === 'reject' ? 'was read; it must be refused' : await runner.difference(value, entry, folder);
  const text = fault ?? (await runner.note?.(value, entry, folder)) ?? 'read';
  return { passed: fault === undefined, text, accepted: true, seconds };
}

/** Returns what is wrong with an error: it must be a MoganetError, name the file, and be short enough to read. */
export function faultOf(error: unknown, { file }: CorpusCase): string | undefined {
  if (!(error instanceof MoganetError)) {
    return `an error that is not a MoganetError: ${error instanceof Error ? error.stack : error}`;
  }
  if (!error.message.includes(file)) return `the error does not name the file: ${error.message}`;
  if (error.message.length > longestMessage) return `the error has ${error.message.length} characters`;
  return undefined;
}

/** Returns the same outcome, failed if it took too much time or memory. */
export function withLimits(outcome: Outcome, { max_seconds: seconds, max_rss_growth_mb: most }: CorpusCase): Outcome {
  if (!outcome.passed) return outcome;
  if (outcome.seconds > seconds) {
    return { ...outcome, passed: false, text: `took ${outcome.seconds.toFixed(1)} s, allowed are ${seconds}` };
  }
  if ((outcome.growthMb ?? 0) > most) {
    return { ...outcome, passed: false, text: `grew by ${outcome.growthMb!.toFixed(0)} MB, allowed are ${most}` };
  }
  return outcome;
}
