import { existsSync } from 'node:fs';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ImageSet } from '../data/image_set.ts';
import { cocoTypeNames, cocoTypes } from '../evaluate/coco_parameters.ts';
import type { ComparedResults } from '../evaluate/compare_results.ts';
import type { ComparedFigure, ComparisonReport } from '../evaluate/evaluation.ts';
import { readGiven, wholeNumber } from './arguments.ts';
import { addDataOptions, openData } from './data_options.ts';
import { figure, table } from './evaluation_text.ts';
import { endingAtOnce, exitCodes, exitCodesHelp, UsageError } from './failure.ts';
import {
  addRunOptions,
  addSigmasOption,
  dataFor,
  type MeasureOptions,
  measureModel,
  modelOptionOf,
  readResults,
} from './measure.ts';
import { checkOutput, pageEndings, refuseExisting } from './outputs.ts';
import { addLoadOptions } from './run_options.ts';
import { openTerminal, plural, type Terminal, writeToStdout } from './terminal.ts';
import { worded } from './words.ts';

interface Options extends MeasureOptions {
  readonly type?: ComparisonReport['type'];
  readonly resamples: number;
  readonly seed: number;
  readonly confidence: number;
  readonly json?: boolean;
  readonly report?: string;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
Each of the two is a file of results in COCO's format (its name ends with .json), or a model: a name, a config.json or a
checkpoint. A model runs over the data set first; \`moganet evaluate --save-results\` keeps what it finds for later.

A difference is that of the second minus the first. Its interval comes from drawing the images anew, with replacement
(bootstrap): if it does not contain 0, the difference is unlikely to be chance. "better" is the share of the draws in which
the second is better. The same --seed gives the same intervals.

--json writes one document to stdout (see docs/evaluation.md):
  { "type", "a", "b", "resamples", "seed", "confidence",
    "figures", "per_class": [{ "name", "a", "b", "difference", "lower", "upper", "standardError", "better" }],
    "images": [{ "id", "file", "a", "b": { "tp", "fp", "fn", "f1", "ap" }, "change" }], "notices" }

Examples:
  moganet compare old.json new.json --data coco/ --split val2017
  moganet compare old.json facade --data facades/ --type segm --report compared.html
  moganet compare t.pth s.pth --data coco/ --split val2017 --boxes person_detections.json
  moganet compare old.json new.json --data coco/ --resamples 5000 --confidence 0.99 --json > compared.json

${exitCodesHelp}`;

/** `moganet compare`: compares two models, or files of results, on a data set. */
export function addCompareCommand(program: Command, end: (code: number) => void): void {
  const command = program
    .command('compare')
    .summary('compare two models, or files of results, on a data set')
    .description(
      'Compares two models, or files of results, on a data set, and says whether the difference may be chance.',
    )
    .argument('<a>', "results in COCO's format (.json), or a model")
    .argument('<b>', 'the same');
  addDataOptions(command).addOption(
    new Option('--type <type>', 'what is compared (default: the first that both have)').choices(cocoTypes),
  );
  addLoadOptions(command)
    .option('--resamples <n>', 'how many times images are drawn', wholeNumber, 1000)
    .option('--seed <n>', 'of the draws', seedNumber, 0)
    .option('--confidence <share>', 'share of the draws within the interval', betweenZeroAndOne, 0.95)
    .option('--limit <n>', 'only the first n images', wholeNumber)
    .option('--json', 'figures as JSON on stdout')
    .option('--report <file>', 'write a report as one HTML file')
    .option('--shown <n>', 'how many images the report shows', wholeNumber, 12)
    .option('--overwrite', 'replace existing files');
  addSigmasOption(addRunOptions(command))
    .option('-q, --quiet', 'only results and errors')
    .addHelpText('after', help)
    .action(async (a: string, b: string, options: Options) => end(await compare([a, b], options, command)));
}

function seedNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number from 0.');
}

function betweenZeroAndOne(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value < 1) return value;
  throw new InvalidArgumentError('Expected a number between 0 and 1, such as 0.95.');
}

async function compare(names: readonly [string, string], options: Options, command: Command): Promise<number> {
  const { json = false, quiet, report, overwrite, type, resamples, seed, confidence, limit, shown, sigmas } = options;
  const terminal = openTerminal({ quiet, results: json ? 'stderr' : 'stdout' });
  if (report !== undefined) checkOutput(report, '--report', pageEndings);
  if (report !== undefined && !overwrite) refuseExisting([report], 'choose another path');
  const unused = modelOptionOf(command);
  if (unused !== undefined && names.every(isResults)) {
    throw new UsageError(
      `${names.join(' and ')} are files of results, which no model is run for, so ${unused} cannot be used. Leave it out.`,
    );
  }
  const set = await openData(options);
  const { compareResults } = await import('../evaluate/compare_results.ts');
  const side = (name: string): Promise<ComparedResults> =>
    isResults(name) ? readResults(name) : foundBy(name, set, options, terminal);
  // one after the other: each may be a model that needs the whole machine
  const a = await side(names[0]);
  const b = await side(names[1]);
  const data = await dataFor(set, [a, b], options);
  const compared = await endingAtOnce(() =>
    compareResults(data, a, b, {
      type,
      resamples,
      seed,
      confidence,
      limit,
      shown,
      sigmas,
      onProgress: ({ done, total, text }) => {
        // thousands of draws a second, of which a terminal need not show each
        if (done % Math.ceil(total / 100) === 0) terminal.progress(done, total, `${done} of ${total} ${text}`);
      },
    }),
  );
  terminal.settle();
  for (const notice of compared.notices) terminal.note(terminal.colors.yellow(worded(notice)));
  if (json) await writeToStdout(await documentOf(compared));
  else for (const line of linesOf(compared, terminal.colors)) terminal.print(line);
  if (report !== undefined) {
    const { comparisonReport } = await import('../report/comparison.ts');
    const { writeReport } = await import('./reports.ts');
    await writeReport(report, compared, comparisonReport, { command, terminal });
  }
  return [a, b].some(({ failed = [] }) => failed.length > 0) ? exitCodes.someImages : exitCodes.good;
}

/** Tells results from a configuration, whose name ends with .json as well: a configuration is an object, results are a list. */
function isResults(name: string): boolean {
  if (!/\.json$/i.test(name) || !existsSync(name)) return false;
  return /^\uFEFF?\s*\[/.test(readGiven(name).subarray(0, 1000).toString('utf8'));
}

/** Runs a model, with its figures left out. */
async function foundBy(
  name: string,
  set: ImageSet,
  options: MeasureOptions,
  terminal: Terminal,
): Promise<ComparedResults> {
  const { found, failures, keypoints } = await measureModel(set, name, { ...options, shown: 0 }, terminal);
  if (!found) throw new UsageError(`${name} finds no instances on ${set.name}, so it cannot be compared.`);
  for (const { file, error } of failures) terminal.complain(terminal.colors.red(`${file}: ${error}`));
  return { name, entries: found, failed: failures.map(({ file }) => file), sigmas: keypoints?.sigmas };
}

async function documentOf({ shown: _, perClass, ...compared }: ComparisonReport): Promise<string> {
  const { version } = await import('../node.ts');
  return `${JSON.stringify({ schema: 1, moganet: version, ...compared, per_class: perClass })}\n`;
}

/** How many images are listed. */
const listedImages = 10;

function linesOf(compared: ComparisonReport, { dim }: Terminal['colors']): string[] {
  const { data, a, b, figures, perClass, images, resamples, confidence, seed } = compared;
  const percent = Number((100 * confidence).toFixed(6));
  const heads = ['a', 'b', 'b - a', `${percent} % from`, 'to', 'better'];
  const rows = (list: readonly ComparedFigure[]) =>
    list
      .filter((one) => one.a >= 0 || one.b >= 0)
      .map((one) => [
        one.name,
        ...[one.a, one.b].map(figure),
        ...[one.difference, one.lower, one.upper].map(signed),
        one.better.toFixed(2),
      ]);
  const counts = (one: ComparisonReport['images'][number]['a']) => `${one.tp}/${one.fp}/${one.fn}`;
  const part = data.limit === undefined ? '' : `; only the first ${data.limit} of ${data.count} (--limit)`;
  return [
    `a ${a}`,
    `b ${b}`,
    `${cocoTypeNames[compared.type]} of ${plural(data.evaluated, 'image')} of ${data.name}${part}; ${plural(resamples, 'resample')}, seed ${seed}`,
    '',
    ...table(['figure', ...heads], rows(figures), dim),
    '',
    ...table(['AP of class', ...heads], rows(perClass), dim),
    '',
    ...table(
      ['image', 'a hit/false/missed', 'b hit/false/missed', 'F1 b - a'],
      images.slice(0, listedImages).map((one) => [one.file, counts(one.a), counts(one.b), signed(one.change)]),
      dim,
    ),
    images.length > listedImages
      ? `  … ${images.length - listedImages} more images differ`
      : `  ${plural(images.length, 'image')} of ${data.evaluated} ${images.length === 1 ? 'differs' : 'differ'}`,
  ];
}

const signed = (value: number): string => `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(3)}`;
