import { alignedColumns } from '../nn/summary.ts';
import type { Compared } from '../zoo/comparison.ts';

/** The comparison as text: a table for each task and schedule, then what its figures come from. */
export function comparisonText(rows: readonly Compared[]): string {
  const sources = footnotes(rows.map(({ source }) => source));
  const reasons = footnotes(rows.flatMap(({ reason }) => reason ?? []));
  const lines: string[] = [];
  for (const table of new Set(rows.map((row) => row.table))) {
    const shown = rows.filter((row) => row.table === table);
    const metrics = [...new Set(shown.flatMap(({ scores }) => Object.keys(scores)))];
    const cells = shown.map((row) => [
      `${row.name}${row.moreData ? ' *' : ''}`,
      `${row.input.height}×${row.input.width}`,
      (row.parameters / 1e6).toFixed(2),
      stated(row.published.params),
      (row.macs / 1e9).toFixed(2),
      stated(row.published.flops),
      ...metrics.map((metric) => stated(row.scores[metric])),
      `[${sources.get(row.source)}]`,
      row.reason === undefined ? '' : `(${reasons.get(row.reason)})`,
    ]);
    const head = ['', 'input', 'M parameters', 'published', 'G multiply-adds', 'published', ...metrics, '', ''];
    lines.push(table, ...alignedColumns([head, ...cells]).map((line) => `  ${line}`), '');
  }
  lines.push(
    'M parameters and G multiply-adds are counted here, by one rule for all: products of convolutions, linear layers and',
    'attention, one per pair of factors. Published figures and scores are their publishers’:',
    ...[...sources].map(([source, number]) => `  [${number}] ${source}`),
    ...[...reasons].map(([reason, number]) => `  (${number}) ${reason}`),
    ...(rows.some(({ moreData }) => moreData) ? ['  * Trained on ImageNet-22k first.'] : []),
  );
  return lines.join('\n');
}

/** Numbers from 1, each text once. */
const footnotes = (texts: readonly string[]): Map<string, number> =>
  new Map([...new Set(texts)].map((text, i) => [text, i + 1]));

/** Publishers state parameters to the unit or to the million; six digits are none of them. */
const stated = (value: number | undefined): string => (value === undefined ? '–' : `${Number(value.toPrecision(4))}`);
