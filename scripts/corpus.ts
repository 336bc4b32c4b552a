import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { unknownName } from '../src/errors.ts';
import { watch } from '../test/harness/corpus/always.ts';
import { type CorpusCase, corpusCases, corpusFolder } from '../test/harness/corpus/manifest.ts';
import { run } from '../test/harness/corpus/run.ts';

/** Runs the corpus of bad inputs and compares the outcomes with its manifest. */

const help = `npm run corpus -- [options]

Runs the corpus in the folder that MOGANET_CORPUS names (default ../shared/corpus).

  --only PATTERN   only files that the regular expression matches
  --kind KINDS     only these kinds, separated by commas; may be repeated
  --verbose        a line for every file, not only for those that fail

Bombs and cases of limits run in processes of their own, their time and memory measured. Exit code 1: a case that must
pass failed. 2: the command was not understood.
`;

const optionTypes = {
  only: { type: 'string' },
  kind: { type: 'string', multiple: true },
  verbose: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface Result {
  readonly entry: CorpusCase;
  readonly outcome: 'passed' | 'failed' | 'unsupported';
  readonly text: string;
  readonly growthMb?: number;
  readonly seconds?: number;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: optionTypes });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const found = corpusFolder();
  if (!found) throw new Error('there is no corpus here: set MOGANET_CORPUS to the folder of its manifest.json.');
  const folder = resolve(found); // the working folder changes
  const cases = chosen(corpusCases(folder), values);
  const results: Result[] = [];
  for (const [i, entry] of cases.entries()) {
    showProgress(`${i + 1}/${cases.length} ${entry.file}`);
    const result = await runOne(entry, folder);
    showProgress('');
    if (values.verbose || result.outcome === 'failed') console.log(line(result));
    results.push(result);
  }
  return summarise(results);
}

function chosen(
  cases: readonly CorpusCase[],
  { only = '', kind }: { readonly only?: string; readonly kind?: readonly string[] },
): readonly CorpusCase[] {
  const pattern = new RegExp(only);
  const known = [...new Set(cases.map((entry) => entry.kind))];
  const kinds = kind?.flatMap((names) => names.split(',')) ?? known;
  for (const name of kinds) if (!known.includes(name)) throw new Error(unknownName('kind', name, known));
  const left = cases.filter((entry) => kinds.includes(entry.kind) && pattern.test(entry.file));
  if (left.length === 0) throw new Error('no file of the corpus has this name.');
  return left;
}

/** Checks what no file may cause, whatever its outcome. */
async function runOne(entry: CorpusCase, folder: string): Promise<Result> {
  const watched = await watch();
  try {
    const outcome = await run(entry, folder);
    if (typeof outcome === 'string') return { entry, outcome: 'unsupported', text: outcome };
    const traces = watched.traces();
    return {
      ...outcome,
      entry,
      outcome: outcome.passed && !traces ? 'passed' : 'failed',
      text: traces ?? outcome.text,
    };
  } finally {
    watched.end();
  }
}

const colors = { passed: pc.green, failed: pc.red, unsupported: pc.yellow } as const;

function line({ entry, outcome, text, growthMb, seconds }: Result): string {
  const measured = growthMb === undefined ? '' : pc.dim(` (${seconds!.toFixed(2)} s, ${growthMb.toFixed(0)} MB)`);
  const wanted = outcome === 'failed' ? pc.dim(` [${entry.level} ${entry.expect}: ${entry.wrong}]`) : '';
  return `${colors[outcome](outcome)}  ${entry.kind}  ${entry.file}: ${text}${measured}${wanted}`;
}

function summarise(results: readonly Result[]): number {
  const count = (outcome: Result['outcome'], among: readonly Result[]) =>
    among.filter((one) => one.outcome === outcome).length;
  const counts = (among: readonly Result[]) =>
    (['passed', 'failed', 'unsupported'] as const).map((outcome) => `${count(outcome, among)} ${outcome}`).join(', ');
  console.log('');
  for (const kind of new Set(results.map(({ entry }) => entry.kind))) {
    for (const level of ['must', 'should'] as const) {
      const among = results.filter(({ entry }) => entry.kind === kind && entry.level === level);
      if (among.length === 0) continue;
      console.log(`${kind}, ${level}: ${counts(among)}`);
      const missing = among.filter(({ outcome }) => outcome === 'unsupported').map(({ text }) => text);
      for (const text of new Set(missing)) console.log(`    ${missing.filter((one) => one === text).length} × ${text}`);
    }
  }
  for (const level of ['must', 'should'] as const) {
    console.log(`all, ${level}: ${counts(results.filter(({ entry }) => entry.level === level))}`);
  }
  console.log(`\n${counts(results)}`);
  return results.some(({ entry, outcome }) => outcome === 'failed' && entry.level === 'must') ? 1 : 0;
}

/** Writes a line to a terminal's stderr that the next one replaces. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 2;
});
