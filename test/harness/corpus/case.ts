import { join } from 'node:path';
import { MoganetError } from '../../../src/errors.ts';
import type { CorpusCase } from './manifest.ts';

/** Runs one case through the library and holds it to its entry of the manifest. */

/** How files of a kind are read, and what must hold of what is read. */
export interface CorpusRunner<Value> {
  /** The library at work: only this is timed and measured. */
  readonly load: (path: string, entry: CorpusCase) => Promise<Value>;
  /** What differs from the manifest; `undefined` for nothing. */
  readonly difference: (value: Value, entry: CorpusCase, folder: string) => Promise<string | undefined>;
  /** Why a case of the kind cannot be run; `undefined` where it can. */
  readonly unsupported?: (entry: CorpusCase) => string | undefined;
  /** What else the case asks for, apart from its own file: what is wrong, `undefined` for nothing. Not timed. */
  readonly also?: (path: string, entry: CorpusCase) => Promise<string | undefined>;
  /** Something to say of a case that passes. */
  readonly note?: (value: Value, entry: CorpusCase, folder: string) => Promise<string | undefined>;
}

export interface Outcome {
  readonly passed: boolean;
  /** What happened, in a line: the error's text, or what differs. */
  readonly text: string;
  readonly accepted: boolean;
  readonly seconds: number;
  /** Of cases that are measured. */
  readonly growthMb?: number;
}

/** Bytes of a message that a person can still read. */
const longestMessage = 4000;

/** @param onLoaded called as soon as the library is done. Never throws for what the library does. */
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

/** What is wrong with an error: it must be the package's own, name the file, and be short enough to read. */
export function faultOf(error: unknown, { file }: CorpusCase): string | undefined {
  if (!(error instanceof MoganetError)) {
    return `an error that is not the package's own: ${error instanceof Error ? error.stack : error}`;
  }
  if (!error.message.includes(file)) return `the error does not name the file: ${error.message}`;
  if (error.message.length > longestMessage) return `the error has ${error.message.length} characters`;
  return undefined;
}

/** The same outcome, failed where it took too much. */
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
