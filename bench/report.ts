import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { keepsBound, type Ratio } from './statistics.ts';

/** The findings of a scenario, for the terminal, for JSON and for README. */

export type Cell = string | number | undefined;

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export interface Report {
  readonly tables: readonly Table[];
  /** The ratios that are recorded and checked. */
  readonly ratios: readonly Ratio[];
  /** The peers that were left out, with the reason. */
  readonly notes: readonly string[];
  /** What README shows. */
  readonly summary?: Table | undefined;
}

/** Three digits, as a reader wants them: 1234, 123, 12.3, 1.23, 0.123. */
export function shown(cell: Cell): string {
  if (cell === undefined) return '';
  if (typeof cell === 'string') return cell;
  const size = Math.abs(cell);
  return cell.toFixed(Number.isInteger(cell) || size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

export function textOf({ title, columns, rows }: Table): string {
  const cells = [columns, ...rows.map((row) => row.map(shown))];
  const widths = columns.map((_, i) => Math.max(...cells.map((row) => row[i]?.length ?? 0)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
  );
  return [title, ...lines.map((line) => `  ${line.trimEnd()}`)].join('\n');
}

export function markdownOf({ title, columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = line(columns.map((_, i) => (i === 0 ? '---' : '--:')));
  return [`${title}`, '', line(columns), rule, ...rows.map((row) => line(row.map(shown)))].join('\n');
}

const marks = { begin: '<!-- measured by npm run bench: begin -->', end: '<!-- measured by npm run bench: end -->' };

/** Returns README with tables in the place that is marked for them. @throws RangeError if there is none */
export function withTables(readme: string, machine: string, tables: readonly Table[]): string {
  const [begin, end] = [readme.indexOf(marks.begin), readme.indexOf(marks.end)];
  if (begin < 0 || end < begin)
    throw new RangeError(`README.md has no place between "${marks.begin}" and "${marks.end}"`);
  const content = [`Measured on ${machine}.`, ...tables.map(markdownOf)].join('\n\n');
  return `${readme.slice(0, begin + marks.begin.length)}\n${content}\n${readme.slice(end)}`;
}

export function verdictOf(ratio: Ratio): string {
  const bound = ratio.most === undefined ? ratio.least && `≥ ${ratio.least}` : `≤ ${ratio.most}`;
  const verdict = bound ? ` (${bound}${keepsBound(ratio) ? '' : ', missed'})` : '';
  const value = ratio.unit === undefined ? ratio.value.toFixed(3) : `${shown(ratio.value)} ${ratio.unit}`;
  return `${ratio.name}: ${value}${verdict}`;
}

/** The machine on which a run was measured. */
export function machine(): string {
  const all = cpus();
  const model = all[0]?.model.trim() ?? 'unknown processor';
  const flags = cpuFlags();
  const vectors = flags.has('avx512f') ? ', AVX-512' : flags.has('avx2') ? ', AVX2' : '';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${all.length} cores${vectors}, ${memory} GB, ${process.platform} ${process.arch}, Node ${process.version}`;
}

function cpuFlags(): ReadonlySet<string> {
  try {
    return new Set(/^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim().split(' '));
  } catch {
    return new Set(); // not Linux
  }
}
