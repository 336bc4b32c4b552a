import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CocoDetection } from '../data/coco_file.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import { wholeNumber } from './arguments.ts';
import { addDataOptions, openData } from './data_options.ts';
import { evaluationLines } from './evaluation_text.ts';
import { exitCodes, exitCodesHelp, UsageError } from './failure.ts';
import {
  addRunOptions,
  addSigmasOption,
  type MeasureOptions,
  measureModel,
  measureResults,
  modelOptionOf,
} from './measure.ts';
import { checkOutput, pageEndings, refuseExisting, writeWhole } from './outputs.ts';
import { addLoadOptions } from './run_options.ts';
import { openTerminal, plural, type Terminal, writeToStdout } from './terminal.ts';
import { worded } from './words.ts';

interface Options extends MeasureOptions {
  readonly model?: string;
  readonly results?: string;
  readonly json?: boolean;
  readonly report?: string;
  readonly saveResults?: string;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
Measures what the model and the data set have in common: boxes and masks by COCO's metrics, label maps by IoU, classes of
images by top-1 and top-5, poses by the similarity of keypoints (OKS). --results measures a file in COCO's format. What is not
measured is said, with the reason. Classes and keypoints are matched by name. Thresholds are those of the model's configuration, as in published figures (usually
score 0.05 and 100 detections per image).

A pose model looks in the boxes of the labels, as mmpose does with use_gt_bbox. Published figures are those in a detector's
boxes: --boxes takes them from a file, --detector finds them.

An image that cannot be read is named and left out, with its labels: the figures are those of the other images.

--json writes one document to stdout (see docs/evaluation.md):
  { "split", "images", "size", "det_scale", "seg_scale", "pose_scale", "detections",
    "bbox", "segm", "keypoints": { "stats": COCO's figures, "per_class": { name: AP }, … },
    "semseg": { "miou", "iou": { name: IoU }, "macc", "aacc", … }, "classification", …,
    "not_measured", "notices", "failures", "per_image" }

Examples:
  moganet evaluate --data facades/
  moganet evaluate --data facades/ --limit 100 --report report.html
  moganet evaluate --data coco/ --split val2017 --model mask_rcnn_moganet_xt_fpn_1x_coco --save-results xt.json
  moganet evaluate --data coco/ --split val2017 --results xt.json --json > figures.json
  moganet evaluate --data VOC2007/ --split test --model detector.safetensors
  moganet evaluate --data coco/ --split val2017 --model moganet_t_coco_256x192 --boxes person_detections.json
  moganet evaluate --data cranes/ --model pose.pth --detector detector.pth --sigmas 0.05 --report poses.html

${exitCodesHelp}`;

/** `moganet evaluate`: measures a model, or a file of results, on a data set. */
export function addEvaluateCommand(program: Command, end: (code: number) => void): void {
  const command = program
    .command('evaluate')
    .summary('measure a model, or a file of results, on a data set')
    .description('Measures how good a model, or a file of results, is on a data set.');
  addDataOptions(command)
    .option('-m, --model <model>', 'a name (see `moganet models`), a config.json or a checkpoint (default: "facade")')
    .option('--results <file>', "results in COCO's format, instead of a model");
  addLoadOptions(command)
    .option('--limit <n>', 'only the first n images', wholeNumber)
    .option('--json', 'figures as JSON on stdout')
    .option('--report <file>', 'write a report as one HTML file')
    .option('--shown <n>', 'how many of the worst images the report shows', wholeNumber, 12)
    .option('--save-results <file>', "write what the model found in COCO's results format")
    .option('--overwrite', 'replace existing files');
  addSigmasOption(addRunOptions(command))
    .option('-q, --quiet', 'only results and errors')
    .addHelpText('after', help)
    .action(async (options: Options) => end(await evaluate(options, command)));
}

async function evaluate(options: Options, command: Command): Promise<number> {
  const { json = false, quiet, model, results } = options;
  const terminal = openTerminal({ quiet, results: json ? 'stderr' : 'stdout' });
  checkOptions(options, command);
  const set = await openData(options);
  const evaluation =
    results === undefined
      ? await measureModel(set, model, options, terminal)
      : await measureResults(set, results, options, terminal);
  terminal.settle();
  const { colors } = terminal;
  for (const { file, error } of evaluation.failures) terminal.complain(colors.red(`${file}: ${error}`));
  for (const { what, why } of evaluation.notMeasured)
    terminal.note(colors.dim(`${what} is not measured: ${worded(why)}`));
  for (const notice of evaluation.notices) terminal.note(colors.yellow(worded(notice)));
  if (json) await writeToStdout(await documentOf(evaluation));
  else for (const line of evaluationLines(evaluation, colors)) terminal.print(line);
  await writeFiles(evaluation, options, command, terminal);
  return evaluation.failures.length > 0 ? exitCodes.someImages : exitCodes.good;
}

/** @throws UsageError for options that contradict each other, OutputError for a file that exists or cannot be written */
function checkOptions({ model, results, report, saveResults, overwrite }: Options, command: Command): void {
  const given = Object.entries({ '--model': model, '--save-results': saveResults });
  const [unused = modelOptionOf(command)] = given.find(([, value]) => value !== undefined) ?? [];
  if (results !== undefined && unused !== undefined) {
    throw new UsageError(
      `--results evaluates a file without a model, so ${unused} cannot be used. Leave one of them out.`,
    );
  }
  if (report !== undefined) checkOutput(report, '--report', pageEndings);
  if (saveResults !== undefined) checkOutput(saveResults, '--save-results', ['.json']);
  const files = [report, saveResults].filter((file) => file !== undefined);
  const [first, second] = files.map((file) => resolve(file));
  if (first !== undefined && first === second) {
    throw new UsageError(`--report and --save-results are both ${report}. Give two files.`);
  }
  if (!overwrite) refuseExisting(files, 'choose another path');
}

async function documentOf(evaluation: Evaluation): Promise<string> {
  const { evaluationJson } = await import('../evaluate/evaluation_json.ts');
  const { version } = await import('../node.ts');
  return `${JSON.stringify({ schema: 1, moganet: version, ...evaluationJson(evaluation) })}\n`;
}

async function writeFiles(
  evaluation: Evaluation,
  { saveResults, report }: Options,
  command: Command,
  terminal: Terminal,
): Promise<void> {
  if (saveResults !== undefined) {
    const { found = [] } = evaluation;
    await writeWhole(saveResults, resultChunks(found));
    terminal.note(`${saveResults}: ${plural(found.length, 'result')}`);
  }
  if (report !== undefined) {
    const { evaluationReport } = await import('../report/evaluation.ts');
    const { writeReport } = await import('./reports.ts');
    await writeReport(report, evaluation, evaluationReport, { command, terminal });
  }
}

/** One entry a line. */
function* resultChunks(found: readonly CocoDetection[]): Generator<Uint8Array, void, undefined> {
  const text = new TextEncoder();
  yield text.encode('[');
  for (const [i, one] of found.entries()) yield text.encode(`${i > 0 ? ',' : ''}\n${JSON.stringify(one)}`);
  yield text.encode('\n]\n');
}
