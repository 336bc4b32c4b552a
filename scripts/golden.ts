import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pc from 'picocolors';
import { UnsupportedError } from '../src/errors.ts';
import type { Engine } from '../src/nn/index.ts';
import { engines as starters } from '../test/harness/engines.ts';
import { type Case, casesOf, foldersFrom } from '../test/harness/golden/cases.ts';
import { GoldenMismatch } from '../test/harness/golden.ts';

/** Compares the package with golden folders and prints what passed, failed and is not supported. */

const help = `npm run golden -- [options]

Runs the golden folders that MOGANET_GOLDEN names (separated as in PATH; default ../shared/golden).

  --engine NAME    only on this engine (onnxruntime, wasm, cpu); may be repeated
  --only PATTERN   only cases whose name or kind the regular expression matches
  --without KINDS  leave out kinds, separated by commas
  --strict         exit 1 where a case is not supported, too

Cases of networks and heads run on every engine that starts here: onnxruntime, wasm and, where parameters times input
positions come to at most 8e9, cpu. Exit code 1: a case failed. 2: the command was not understood.
`;

type Outcome = 'passed' | 'failed' | 'unsupported';

interface Result {
  readonly outcome: Outcome;
  readonly kind: string;
  readonly detail: string;
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const optionTypes = {
  engine: { type: 'string', multiple: true },
  only: { type: 'string' },
  without: { type: 'string', multiple: true },
  strict: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: optionTypes });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const folders = foldersFrom(process.env.MOGANET_GOLDEN, join(root, '../shared/golden'));
  const engines = await startEngines(values.engine);
  const without = new Set((values.without ?? []).flatMap((kinds) => kinds.split(',')));
  const only = values.only === undefined ? /./ : new RegExp(values.only);
  const cases = folders.flatMap(casesOf);
  const chosen = cases.filter(({ name, kind }) => !without.has(kind) && (only.test(name) || only.test(kind)));
  if (chosen.length === 0) {
    console.error(`no case in ${folders.join(', ')} has this name.`);
    return 2;
  }

  const results: Result[] = [];
  for (const [i, one] of chosen.entries()) {
    showProgress(`${i + 1}/${chosen.length} ${one.name}`);
    const result = await runCase(one, engines);
    showProgress('');
    console.log(line(one, result));
    if (!one.informative) results.push(result);
  }
  for (const engine of engines.values()) await engine.dispose();
  return summarise(results, values.strict);
}

/** Starts the named engines, by default all that are available. A named engine must start. */
async function startEngines(names: readonly string[] | undefined): Promise<Map<string, Engine>> {
  const started = new Map<string, Engine>();
  for (const name of names ?? Object.keys(starters)) {
    const start = Object.hasOwn(starters, name) ? starters[name as keyof typeof starters] : undefined;
    if (!start) throw new Error(`unknown engine "${name}". Known: ${Object.keys(starters).join(', ')}.`);
    const engine = await start();
    if (typeof engine !== 'string') {
      started.set(name, engine);
      console.log(`engine ${name}: ${engine.detail}`);
    } else if (names) throw new Error(`the engine ${name} does not start: ${engine}`);
    else console.log(`engine ${name}: ${engine}, left out`);
  }
  return started;
}

/** Runs a case without an engine, then on every engine that it is meant for. All have to pass. */
async function runCase(one: Case, engines: ReadonlyMap<string, Engine>): Promise<Result> {
  const { kind } = one;
  const ran: string[] = [];
  const start = performance.now();
  let where = '';
  try {
    await one.run();
    for (const [name, engine] of one.onEngines ? engines : []) {
      if (name === 'cpu' && !one.onEngines!.small) continue;
      where = `${name}: `;
      await one.run(engine);
      ran.push(name);
    }
  } catch (error) {
    if (error instanceof UnsupportedError) return { outcome: 'unsupported', kind, detail: error.message };
    const known = error instanceof GoldenMismatch;
    const detail = known ? error.message : `${(error as Error)?.stack ?? error}`;
    return { outcome: 'failed', kind, detail: where + detail };
  }
  if (one.onEngines && ran.length === 0) {
    return { outcome: 'unsupported', kind, detail: `it needs an engine, and runs on none of ${[...engines.keys()]}` };
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  return { outcome: 'passed', kind, detail: `${ran.length > 0 ? `${ran.join(', ')}, ` : ''}${seconds} s` };
}

const colors = { passed: pc.green, failed: pc.red, unsupported: pc.yellow } as const;

function line({ name, kind, informative }: Case, { outcome, detail }: Result): string {
  const said = informative ? `${pc.dim(outcome)}, not counted` : colors[outcome](outcome);
  return `${said}  ${kind}  ${name}  ${outcome === 'passed' ? pc.dim(detail) : detail}`;
}

function summarise(results: readonly Result[], strict: boolean): number {
  const count = (outcome: Outcome, among = results) => among.filter((one) => one.outcome === outcome).length;
  console.log('');
  for (const kind of new Set(results.map((one) => one.kind))) {
    const among = results.filter((one) => one.kind === kind);
    const absent = among.filter(({ outcome }) => outcome === 'unsupported').map(({ detail }) => detail);
    const counts = `${count('passed', among)} passed, ${count('failed', among)} failed, ${absent.length} unsupported`;
    console.log(`${kind}: ${counts}`);
    for (const detail of new Set(absent)) {
      console.log(`    ${absent.filter((other) => other === detail).length} × ${detail}`);
    }
  }
  const [passed, failed, unsupported] = [count('passed'), count('failed'), count('unsupported')];
  console.log(`\n${passed} passed, ${failed} failed, ${unsupported} unsupported`);
  return failed > 0 || (strict && unsupported > 0) ? 1 : 0;
}

/** Writes a line to a terminal's stderr that the next one replaces. */
function showProgress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

process.exitCode = await main().catch((error: Error) => {
  console.error(error.message);
  return 2;
});
