import type { ImageSet } from '../data/image_set.ts';
import type { Evaluation } from '../evaluate/evaluation.ts';
import type { NamedResults } from '../evaluate/results_file.ts';
import type { EvaluateOptions } from '../evaluate/run.ts';
import type { ModelConfig } from '../node.ts';
import { readGiven } from './arguments.ts';
import type { DataOptions } from './data_options.ts';
import { endingAtOnce, loadingEndsAtOnce } from './failure.ts';
import { introduce, progressText } from './images.ts';
import { checkTask, chooseModel } from './model.ts';
import { type InputChoice, inputChoiceOf } from './run_options.ts';
import { loadingDisplay, type Terminal } from './terminal.ts';

/** Measures a model, or a file of results, for the commands that need figures. */

/** Options of the commands that measure. */
export interface MeasureOptions extends DataOptions, InputChoice {
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
}

/** Measures a model. @param name a model's name, configuration or checkpoint; by default the shipped model */
export async function measureModel(
  set: ImageSet,
  name: string | undefined,
  options: MeasureOptions,
  terminal: Terminal,
): Promise<Evaluation> {
  const { weights, pull, ema, prefix, ignore, engine, device, threads } = options;
  const predict = inputChoiceOf(options); // which refuses what does not fit together
  const library = await import('../node.ts');
  const { evaluateModel } = await import('../evaluate/run.ts');
  const chosen = chooseModel(library, name, { weights, pull });
  const configure = (config: ModelConfig): ModelConfig => {
    checkTask('predict', chosen.name, config);
    return config;
  };
  const model = await loadingEndsAtOnce({ pull }, loadingDisplay(terminal), (onProgress) =>
    library.loadModel(chosen.ref, { engine, device, threads, pull, ema, prefix, ignore, configure, onProgress }),
  );
  try {
    introduce(library, model, terminal, threads);
    return await endingAtOnce(() => evaluateModel(model, set, { ...shared(options, terminal), predict }));
  } finally {
    terminal.settle();
    await model.dispose();
  }
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
  try {
    return await endingAtOnce(() => evaluateResults(results, set, shared(options, terminal)));
  } finally {
    terminal.settle();
  }
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
      terminal.progress(done, total, progressText(Math.min(done, total - 1), total, text, start)),
  };
}
