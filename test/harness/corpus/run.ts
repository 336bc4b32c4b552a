import { type Outcome, runCase } from './case.ts';
import { type CorpusCase, isMeasured } from './manifest.ts';
import { runMeasured } from './measured.ts';
import { runners } from './runners.ts';

/** Runs a case, in a separate process if its limits are measured. @returns the reason as a text if it cannot be run */
export async function run(entry: CorpusCase, folder: string): Promise<Outcome | string> {
  const runner = Object.hasOwn(runners, entry.kind) ? runners[entry.kind]! : undefined;
  if (!runner) return `files of the kind ${entry.kind} are not read yet`;
  const unsupported = runner.unsupported?.(entry);
  if (unsupported) return unsupported;
  return isMeasured(entry) ? runMeasured(entry, folder) : runCase(runner, entry, folder);
}
