import { Command } from 'commander';
import type { NamedResults } from '../data/coco_file.ts';
import type { ImageSet } from '../data/image_set.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import type { Observation, Observer } from '../evaluate/observe.ts';
import type { EvaluateOptions } from '../evaluate/run.ts';
import type { ModelConfig } from '../node.ts';
import { readGiven, sigmaList } from './arguments.ts';
import { type DataOptions, openKeypoints } from './data_options.ts';
import { addDetectorOptions, checkDetector, chooseDetector, type DetectorWords, loadPredictor } from './detector.ts';
import { endingAtOnce, loadingEndsAtOnce, UsageError } from './failure.ts';
import { introduce, speedText } from './images.ts';
import { checkTask, chooseModel } from './model.ts';
import { type ObservedInput, observationsBy } from './observed.ts';
import { openPool, type Pool, sharesOf } from './pool.ts';
import {
  addEngineOptions,
  addInputOptions,
  addLoadOptions,
  addWorkersOption,
  type InputChoice,
  inputChoiceOf,
} from './run_options.ts';
import { loadingDisplay, type Terminal } from './terminal.ts';
import { addTileOptions } from './tiles.ts';

/** Measures a model, or a file of results, for the commands that need figures. */

/** Options of the commands that measure. */
export interface MeasureOptions extends DataOptions, DetectorWords, InputChoice {
  /** A detector's results, in whose boxes a pose model looks. */
  readonly boxes?: string;
  readonly sigmas?: number | readonly number[];
  readonly weights?: string;
  readonly pull?: boolean;
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly ignore?: readonly string[];
  readonly limit?: number;
  readonly shown?: number;
  readonly engine: string;
  readonly device?: string;
  readonly threads?: number;
  readonly workers?: number;
}

/** Adds what only pose models need: where the boxes come from. */
const addBoxOptions = (command: Command): Command =>
  addDetectorOptions(command, { flags: '--detector', score: "the detector's configuration's", oks: '0.9' })
    .option(
      '--boxes <file>',
      "where a pose model looks: a detector's results in COCO's format (default: the boxes of the labels)",
    )
    .option('--no-flip', 'run no image mirrored (default: the configuration says)');

/** Adds how a model runs. */
export const addRunOptions = (command: Command): Command =>
  addBoxOptions(addTileOptions(addInputOptions(addWorkersOption(addEngineOptions(command)))));

/** Names of the options that only a model needs. */
const modelOptions = new Set(addRunOptions(addLoadOptions(new Command())).options.map((one) => one.attributeName()));

/** Returns the first option of a command line that only a model needs: files of results are not run. */
export function modelOptionOf(command: Command): string | undefined {
  const given = command.options.find((option) => {
    const name = option.attributeName();
    if (!modelOptions.has(name) || command.getOptionValueSource(name) !== 'cli') return false;
    const value: unknown = command.getOptionValue(name);
    return typeof value !== 'boolean' || value !== option.negate; // `--flip` or `--no-flip`
  });
  return given?.long;
}

/** Adds what keypoints are measured by. */
export const addSigmasOption = (command: Command): Command =>
  command.option(
    '--sigmas <list>',
    "what OKS divides the distances of keypoints by: one number, or one for each with commas between them (default: the model's)",
    sigmaList,
  );

/** Measures a model. @param name a model's name, configuration or checkpoint; by default the shipped model */
export async function measureModel(
  set: ImageSet,
  name: string | undefined,
  options: MeasureOptions,
  terminal: Terminal,
): Promise<Evaluation> {
  const { weights, pull, ema, prefix, ignore, engine, device, threads, sigmas, oks } = options;
  checkBoxes(options);
  const input = inputChoiceOf(options); // which refuses what does not fit together
  const library = await import('../node.ts');
  const { evaluateModel } = await import('../evaluate/run.ts');
  const chosen = chooseModel(library, name, { weights, pull });
  const found = await chooseDetector(library, options, pull);
  const detector = found && { ...found, score: found.score ?? ('configured' as const) };
  const boxes = options.boxes === undefined ? undefined : await readDetections(options.boxes, options.detectorScore);
  const images = Math.min(options.limit ?? set.count, set.count);
  const shares = sharesOf(options, images);
  const job = { model: chosen, detector, engine, device, ema, prefix, ignore };
  const say = (text: string) => terminal.note(terminal.colors.yellow(text));
  const pool = openPool<ObservedInput, Observation>({
    workers: shares.workers,
    data: () => ({ kind: 'observations', job, threads: shares.threads }),
    onNotice: say,
  });
  const configure = (config: ModelConfig): ModelConfig => {
    checkTask('predict', chosen.name, config);
    if (detector) checkDetector(library, detector, chosen.name, config);
    if (!pull) pool.start(); // what is to be downloaded is downloaded once, by this thread
    return config;
  };
  try {
    const { predictor, model } = await loadingEndsAtOnce({ pull }, loadingDisplay(terminal), (onProgress) =>
      loadPredictor(library, job, { threads: shares.threads, pull, configure, onProgress }),
    );
    try {
      introduce(library, predictor, terminal, threads, shares.workers);
      for (const notice of shares.notices) say(notice);
      pool.join(observationsBy(predictor), model.engine.blocking ? 1 : 2);
      const data = predictor.config.pose ? await openKeypoints(set, options) : set;
      const measured = {
        ...shared(options, terminal),
        predict: { ...input, oks },
        boxes,
        sigmas,
        observer: shares.workers > 1 ? observerBy(pool) : undefined,
      };
      terminal.progress(0, images, `0 of ${images}`); // the first image may take long
      return await endingAtOnce(() => evaluateModel(predictor, data, measured));
    } finally {
      terminal.settle();
      await predictor.dispose();
    }
  } finally {
    await pool.close();
  }
}

/** Observes with the workers of a pool. */
const observerBy = ({ run, most }: Pool<ObservedInput, Observation>): Observer => ({
  observe: async (image, { signal: _, ...options }) =>
    run({ file: image.name, bytes: new Uint8Array(await image.arrayBuffer()), options }),
  most,
});

/** @throws UsageError for options that contradict each other, or need another one */
function checkBoxes({ detector, boxes, detectorClass, detectorScore }: MeasureOptions): void {
  if (boxes !== undefined && detector !== undefined) {
    throw new UsageError(
      `--detector ${detector} and --boxes ${boxes} both say where a pose model looks. Leave one of them out.`,
    );
  }
  if (detector !== undefined) return;
  if (detectorClass !== undefined) {
    throw new UsageError("--detector-class needs --detector. Boxes of a file are those of the data set's class.");
  }
  if (boxes === undefined && detectorScore !== undefined) {
    throw new UsageError('--detector-score needs --detector or --boxes: the boxes of the labels have no scores.');
  }
}

/** Reads the results of a detector. */
async function readDetections(file: string, least = 0): Promise<NamedResults> {
  const { name, entries } = await readResults(file);
  return { name, entries: entries.filter(({ score }) => score >= least) };
}

/** Measures a file of results. @param file results in COCO's format */
export async function measureResults(
  set: ImageSet,
  file: string,
  options: MeasureOptions,
  terminal: Terminal,
): Promise<Evaluation> {
  const { evaluateResults } = await import('../evaluate/results_file.ts');
  const results = await readResults(file);
  const data = await dataFor(set, [results], options);
  const { sigmas } = options;
  try {
    return await endingAtOnce(() => evaluateResults(results, data, { ...shared(options, terminal), sigmas }));
  } finally {
    terminal.settle();
  }
}

/** Returns the data set that results are compared with: that of keypoints, if there is nothing else to compare. */
export function dataFor(
  set: ImageSet,
  results: readonly NamedResults[],
  options: DataOptions,
): Promise<ImageSet> | ImageSet {
  const found = results.flatMap(({ entries }) => entries.slice(0, 1)); // a file has one kind of results
  const isPose = found.length > 0 && found.every((one) => one.keypoints && !one.bbox && !one.segmentation);
  return isPose ? openKeypoints(set, options) : set;
}

/** Reads a file of results. @throws UsageError if there is no such file, DataError that names the entry and the field if it holds no results */
export async function readResults(file: string): Promise<NamedResults> {
  const { parseCocoResults } = await import('../data/coco_json.ts');
  return { name: file, entries: parseCocoResults(readGiven(file), file) };
}

function shared({ limit, shown }: MeasureOptions, terminal: Terminal): EvaluateOptions {
  const start = performance.now();
  return {
    limit,
    shown,
    onProgress: ({ done, total, text }) =>
      terminal.progress(done, total, `${done} of ${total}${speedText(done, total, start)}  ${text}`),
  };
}
