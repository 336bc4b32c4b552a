/**
 * Measures speed and memory, beside what a user would take instead. See docs/benchmarks.md:
 *
 *     npm run bench -- backbone|… [options]
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { type Options, optionsFrom } from './options.ts';
import { machine, markdownOf, type Report, textOf, verdictOf, withTables } from './report.ts';
import { scenarios } from './scenarios/index.ts';
import { fallenBehind, type Recorded, recordedWith } from './statistics.ts';

const recordedFile = new URL('recorded.json', import.meta.url);

function usage(): string {
  const lines = Object.entries(scenarios).map(([name, { about }]) => `  ${name.padEnd(10)} ${about}`);
  return [
    'usage: npm run bench -- [check] SCENARIO … [--networks a,b|all] [--sizes 224,800x1280] [--engines a,b] [--peers a,b|none]',
    '         [--threads n] [--seconds n] [--rounds n] [--before DIR] [--json FILE] [--markdown FILE] [--readme] [--record]',
    ...lines,
    `  ${'all'.padEnd(10)} all of them`,
    `  ${'check'.padEnd(10)} all, or those that follow; fails if a ratio is more than 10 % behind bench/recorded.json`,
  ].join('\n');
}

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.some((arg) => arg === '--help' || arg === '-h')) {
    console.log(usage());
    return 0;
  }
  const { what, options } = optionsFrom(args);
  const isCheck = what[0] === 'check';
  const named = what.filter((name) => name !== 'check' && name !== 'all');
  const chosen = named.length === 0 && what.length > 0 ? Object.keys(scenarios) : named;
  if (chosen.length === 0 || !chosen.every((name) => Object.hasOwn(scenarios, name))) {
    console.error(usage());
    return 2;
  }
  console.log(machine());
  const reports: Record<string, Report> = {};
  for (const name of chosen) {
    const report = await scenarios[name]?.run(options);
    if (!report) continue;
    reports[name] = report;
    console.log([...report.tables.map(textOf), ...report.ratios.map(verdictOf), ...report.notes, ''].join('\n'));
  }
  return finish(reports, options, isCheck);
}

function finish(reports: Readonly<Record<string, Report>>, options: Options, isCheck: boolean): number {
  const ratios = Object.values(reports).flatMap((report) => report.ratios);
  const recorded = JSON.parse(readFileSync(recordedFile, 'utf8')) as Recorded;
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ machine: machine(), options, reports }, undefined, 2)}\n`);
  }
  if (options.markdown !== undefined) {
    const tables = Object.values(reports).flatMap((report) => report.tables.map(markdownOf));
    writeFileSync(options.markdown, `${[machine(), ...tables].join('\n\n')}\n`);
  }
  if (options.readme) {
    const readme = new URL('../README.md', import.meta.url);
    const summaries = Object.values(reports).flatMap(({ summary }) => summary ?? []);
    writeFileSync(readme, withTables(readFileSync(readme, 'utf8'), machine(), summaries));
  }
  if (options.record) writeFileSync(recordedFile, `${JSON.stringify(recordedWith(recorded, ratios), undefined, 2)}\n`);
  if (!isCheck) return 0;
  const behind = fallenBehind(ratios, recorded);
  console.log(behind.length === 0 ? 'no ratio fell behind' : ['more than 10 % behind:', ...behind].join('\n'));
  return behind.length === 0 ? 0 : 1;
}

process.exitCode = await main();
