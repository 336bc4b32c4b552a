import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkHealth, type HealthSplit } from '../../../src/data/health.ts';
import { healthCodes } from '../../../src/data/health_codes.ts';
import { subjectOf } from '../../../src/data/health_findings.ts';
import { decodeImage } from '../../../src/node.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Runs the cases of faulty data sets: each finding that is expected comes, with its ids, and no other error or warning. */

interface ExpectedFinding {
  readonly code: string;
  readonly severity: string;
  readonly subject: Readonly<Record<string, string | readonly number[]>>;
}

export async function runHealth({ folder, json }: GoldenCase): Promise<void> {
  const splits = Object.entries<unknown>(json.datasets).map(([name, document]): HealthSplit => {
    const images: string | undefined = json.image_folders?.[name];
    const readFile = async (file: string) => {
      const path = join(folder, images ?? '', file);
      return existsSync(path) ? readFileSync(path) : undefined;
    };
    return { name, file: `${name}.json`, document, readFile: images === undefined ? undefined : readFile };
  });
  const results = json.results && { file: 'results.json', document: json.results };
  const { findings } = await checkHealth(splits, {
    results,
    decode: (bytes, options) => decodeImage(Uint8Array.from(bytes), options),
  });
  const found = findings
    .filter(({ severity }) => severity !== 'information')
    .map((finding) => lineOf(finding.code, finding.severity, subjectOf(finding), finding.split));
  // a case with image folders names the split
  const expected = (json.expected as readonly ExpectedFinding[]).map(({ code, severity, subject }) => {
    const { split, ...ids } = subject;
    return lineOf(code, severity, new Map(Object.entries(ids)), split ?? undefined);
  });
  const bare = (line: string) => line.replace(/^\[.*?\] /, '');
  const isExpected = (line: string) => expected.includes(line) || expected.includes(bare(line));
  const missing = expected.filter((line) => !found.includes(line) && !found.map(bare).includes(line));
  const extra = found.filter((line) => !isExpected(line));
  if (missing.length + extra.length === 0) return;
  throw new GoldenMismatch(`missing: ${missing.join('; ') || 'none'}. Not expected: ${extra.join('; ') || 'none'}.`);
}

function lineOf(code: string, severity: string, ids: ReadonlyMap<string, unknown>, split: unknown): string {
  const lists = [...ids].map(([name, list]) => `${name} ${(list as number[]).toSorted((a, b) => a - b).join(', ')}`);
  return `${split === undefined ? '' : `[${split}] `}${code} (${severity}): ${lists.toSorted().join('; ')}`;
}

/** The table of severities, and what is never judged. */
export async function runHealthCodes({ json }: GoldenCase): Promise<void> {
  const known = new Map(Object.entries(healthCodes).map(([code, { severity }]) => [code, severity as string]));
  for (const [code, severity] of Object.entries(json.severity)) {
    if (known.get(code) !== severity) throw new GoldenMismatch(`${code}: ${known.get(code)}, expected ${severity}`);
  }
  for (const code of json.not_judged) {
    if (known.get(code) !== 'information')
      throw new GoldenMismatch(`${code}: ${known.get(code)}, expected information`);
  }
}
