import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { HealthReport } from '../data/health.ts';
import type { Severity } from '../data/health_codes.ts';
import { type Finding, subjectOf } from '../data/health_findings.ts';
import type { DataFormat } from '../data/image_set.ts';
import { checkFile, collected, readGiven, wholeNumber } from './arguments.ts';
import { formatOption } from './data_options.ts';
import { endingAtOnce, exitCodes } from './failure.ts';
import { openTerminal, plural, type Terminal, writeToStdout } from './terminal.ts';
import { worded } from './words.ts';

interface Options {
  readonly format?: DataFormat;
  readonly split?: readonly string[];
  readonly results?: string;
  readonly images: boolean;
  readonly strict?: boolean;
  readonly json?: boolean;
  readonly examples?: number;
  readonly quiet?: boolean;
}

const help = `
Every split is checked, unless --split names some. Images are decoded, so that missing, damaged and swapped files are
found, and equal files within a split and between splits.
docs/check_data.md has every code with its rule.

--json writes one document to stdout:
  { "data": path, "format": layout,
    "splits": [{ "name", "file", "images", "annotations", "categories", "files_checked": true if images were decoded }],
    "results": number of results or null,
    "counts": { "error": number of faults, "warning", "information" },
    "findings": [{ "code", "severity", "split": name or null, "count",
                   "subject": { "image_ids" | "annotation_ids" | "category_ids" | "result_indices": [id] },
                   "examples": [{ "file", "text" }], "remedy" }] }
  The subject of split_leakage names the splits: { "train_image_ids", "val_image_ids" }.

Examples:
  moganet check-data photos/
  moganet check-data annotations/instances_val2017.json --no-images
  moganet check-data yolo/ --split train --split val
  moganet check-data photos/ --results detections.json --json > findings.json

Exit codes: 0 nothing above information, or warnings without --strict, 1 errors found (with --strict warnings too), or the
data set cannot be read, 2 wrong call.`;

/** `moganet check-data`: looks for faults in a data set and in results. */
export function addCheckDataCommand(program: Command, end: (code: number) => void): void {
  program
    .command('check-data')
    .summary('look for faults in a data set: labels, files, splits, results')
    .description(
      'Looks for faults in a data set: labels that cannot be right, missing and damaged files, equal files in two splits, ' +
        'and results that do not belong to it.',
    )
    .argument('<data>', 'the folder of the data set, or its annotation file')
    .addOption(formatOption())
    .option('--split <name>', 'only this split; may be repeated', collected)
    .option('--results <file>', "results in COCO's format, to be checked against the data set")
    .option('--no-images', 'do not read the files of images')
    .option('--strict', 'exit with 1 for warnings, too')
    .option('--examples <n>', 'examples of each finding (default: 3, with --json 20)', wholeNumber)
    .option('--json', 'findings as JSON on stdout, with all ids')
    .option('-q, --quiet', 'only findings that are errors')
    .addHelpText('after', help)
    .action(async (data: string, options: Options) => end(await checkData(data, options)));
}

async function checkData(data: string, options: Options): Promise<number> {
  const { json, strict, results, quiet } = options;
  checkFile(data);
  const resultBytes = results === undefined ? undefined : readGiven(results);
  const terminal = openTerminal({ results: json ? 'stderr' : 'stdout', quiet });
  const { format, report } = await endingAtOnce(() => run(data, resultBytes, options, terminal));
  terminal.settle();
  if (json) await writeToStdout(`${JSON.stringify(documentOf(data, format, report), null, 2)}\n`);
  else printReport(data, format, report, options, terminal);
  const { error, warning } = countsOf(report.findings);
  return error > 0 || (strict && warning > 0) ? exitCodes.failure : exitCodes.good;
}

async function run(
  data: string,
  resultBytes: Uint8Array | undefined,
  { format, split, results = '', images, json, examples = json ? 20 : 3 }: Options,
  terminal: Terminal,
) {
  const [{ checkHealth }, { openHealthSource }, { lenientJson }, { dataFolderAt }, { decodeImage }] = await Promise.all(
    [
      import('../data/health.ts'),
      import('../data/health_source.ts'),
      import('../data/health_json.ts'),
      import('../platform/node/data_folder.ts'),
      import('../platform/node/files.ts'),
    ],
  );
  const read = resultBytes && lenientJson(resultBytes, results);
  const { folder, file } = dataFolderAt(data);
  const source = await openHealthSource(folder, {
    format,
    splits: split,
    annotations: file,
    images,
    onProgress: (done, total, name) => terminal.progress(done, total, `reading ${name}`),
  });
  const report = await checkHealth(source.splits, {
    results: read && { file: results, document: read.value },
    decode: decodeImage,
    examples,
    onProgress: ({ done, total, file: image }) => terminal.progress(done, total, image ?? 'checking labels'),
  });
  for (const notice of read?.notices ?? []) terminal.note(worded(notice));
  return { format: source.format, report };
}

const countsOf = (findings: readonly Finding[]): Record<Severity, number> => {
  const counts = { error: 0, warning: 0, information: 0 };
  for (const { severity, count } of findings) counts[severity] += count;
  return counts;
};

function documentOf(data: string, format: string, { splits, results, findings }: HealthReport) {
  return {
    data,
    format,
    splits: splits.map(({ filesChecked, ...split }) => ({ ...split, files_checked: filesChecked })),
    results: results ?? null,
    counts: countsOf(findings),
    findings: findings.map((finding) => ({
      code: finding.code,
      severity: finding.severity,
      split: finding.split ?? null,
      count: finding.count,
      subject: Object.fromEntries(subjectOf(finding)),
      examples: finding.examples,
      remedy: finding.remedy,
    })),
  };
}

/** Layouts whose labels are of whole images or of pixels: counts of annotations and their classes say nothing. */
const withoutObjects: ReadonlySet<string> = new Set(['class_folders', 'segment_folders', 'ade20k']);

function printReport(data: string, format: string, report: HealthReport, { quiet }: Options, terminal: Terminal): void {
  const { splits, results, findings } = report;
  const text = (finding: Finding) => linesOf(finding, data, splits.length, terminal).join('\n');
  if (quiet) {
    for (const finding of findings) if (finding.severity === 'error') terminal.complain(text(finding));
    return;
  }
  const { bold, dim } = terminal.colors;
  for (const { name, images, annotations, categories, filesChecked } of splits) {
    const objects = `, ${plural(annotations, 'annotation')}, ${categories} class${categories === 1 ? '' : 'es'}`;
    const counts = `${plural(images, 'image')}${withoutObjects.has(format) ? '' : objects}`;
    const files = filesChecked ? '' : dim(' (files not checked)');
    terminal.print(`${bold(splits.length > 1 ? `${data}: ${name}` : data)} (${format}): ${counts}${files}`);
  }
  if (results !== undefined) terminal.print(plural(results, 'result'));
  for (const finding of findings) terminal.print(`\n${text(finding)}`);
  const { error, warning, information } = countsOf(findings);
  const summary = `${plural(error, 'error')}, ${plural(warning, 'warning')}, ${information} for information`;
  terminal.print(`\n${findings.length === 0 ? 'Nothing found.' : `${summary}.`}`);
}

function linesOf(finding: Finding, data: string, splits: number, { colors }: Terminal): string[] {
  const { code, severity, split, count, examples, remedy } = finding;
  const { bold, dim, red, yellow, cyan } = colors;
  const color = severity === 'error' ? red : severity === 'warning' ? yellow : cyan;
  const where = splits > 1 && split !== undefined ? ` in ${split}` : '';
  const more = count - examples.length;
  // the text names the file already, or the file is the data set that is checked
  const isNamed = (file: string, text: string) => text.startsWith(file) || resolve(file) === resolve(data);
  return [
    `${color(severity)} ${bold(code)}${where}: ${count} found`,
    ...examples.map(({ file, text }) => `  ${isNamed(file, text) ? '' : `${file}: `}${text}`),
    ...(more > 0 ? [dim(`  … and ${more} more`)] : []),
    dim(`  ${remedy}`),
  ];
}
