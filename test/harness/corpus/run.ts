import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Outcome, runCase, withLimits } from './case.ts';
import { type CorpusCase, isMeasured } from './manifest.ts';
import { runners } from './runners.ts';

/**
 * Runs cases of the corpus. Run as a program, this file is the separate process that measures time and memory of a
 * case.
 */

const self = fileURLToPath(import.meta.url);
const megabyte = 2 ** 20;

/** Runs a case, in a separate process if its limits are measured. @returns the reason as a text if it cannot be run */
export async function run(entry: CorpusCase, folder: string): Promise<Outcome | string> {
  const runner = Object.hasOwn(runners, entry.kind) ? runners[entry.kind]! : undefined;
  if (!runner) return `files of the kind ${entry.kind} are not read yet`;
  const unsupported = runner.unsupported?.(entry);
  if (unsupported) return unsupported;
  return isMeasured(entry) ? runMeasured(entry, folder) : runCase(runner, entry, folder);
}

async function runMeasured(entry: CorpusCase, folder: string): Promise<Outcome> {
  const args = ['--import', import.meta.resolve('tsx'), self, JSON.stringify(entry), folder];
  try {
    // far beyond the limit it is not slow but hung
    const timeout = 1000 * (4 * entry.max_seconds + 30);
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout, maxBuffer: megabyte });
    return JSON.parse(stdout) as Outcome;
  } catch (error) {
    const { killed, stderr } = error as { killed?: boolean; stderr?: string };
    const text = killed ? 'never ends' : `its process ends with ${stderr || error}`;
    return { passed: false, text, accepted: false, seconds: Number.POSITIVE_INFINITY };
  }
}

/** Returns the process's megabytes: now, and the most since the last `forgetPeak` (since the start if not on Linux). */
function memory(): { now: number; peak: number } {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const of = (field: string) => Number(new RegExp(`${field}:\\s*(\\d+) kB`).exec(status)![1]) / 1024;
    return { now: of('VmRSS'), peak: of('VmHWM') };
  } catch {
    return { now: process.memoryUsage.rss() / megabyte, peak: process.resourceUsage().maxRSS / 1024 };
  }
}

function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // not Linux
  }
}

async function measure(entry: CorpusCase, folder: string): Promise<Outcome> {
  forgetPeak();
  const before = memory().now;
  let growthMb = 0;
  const outcome = await runCase(runners[entry.kind]!, entry, folder, () => {
    growthMb = memory().peak - before;
  });
  return withLimits({ ...outcome, growthMb }, entry);
}

if (process.argv[1] === self) {
  const [, , entry, folder] = process.argv;
  console.log(JSON.stringify(await measure(JSON.parse(entry!) as CorpusCase, folder!)));
}
