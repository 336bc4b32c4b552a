import { itemAt } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { mirroredInputs } from '../image/preprocess.ts';
import { cutRaster, type Raster } from '../image/raster.ts';
import {
  augmentationsOf,
  type CropRun,
  type CropTask,
  type ImageTask,
  type Inputs,
  type Task,
  type TaskOptions,
  type TaskResult,
  type TiledRun,
  type View,
} from '../models/task.ts';
import { type Tiling, tilesOf, tilingOf } from '../models/tiles.ts';
import type { Window } from '../postprocess/windows.ts';
import { inSlices, type Pause, type Sliced } from '../slices.ts';
import { nextTurn } from '../turn.ts';
import type { Batch } from './batches.ts';
import type { PredictOptions } from './options.ts';
import type { Stopwatch } from './timing.ts';

/** The ways in which a prediction uses the network: one pass over whole images, or one for each batch, image, tile or some boxes. */

/** The input of one view, before the network has run. */
export type PreparedView = Pick<View, 'flipped'> & { readonly inputs: Inputs };

/** Returns the view of the mirrored images. */
export const mirroredView = ({ image, geometries }: Inputs): PreparedView => ({
  inputs: {
    image: mirroredInputs(
      image,
      geometries.map(({ resized }) => resized),
    ),
    geometries,
  },
  flipped: true,
});

/**
 * Runs the network on images together, and then the tasks that read its outputs, one after the other.
 *
 * @param whenFree is called as soon as the tasks need the network no more, if they say so
 * @param ready the views to run. By default the images are prepared, in all views that the options ask for
 */
export type Pass = <T extends Task>(
  images: readonly Raster[],
  tasks: readonly T[],
  visit: (task: T, views: readonly View[]) => Promise<void>,
  whenFree?: () => void,
  ready?: readonly PreparedView[],
) => Promise<void>;

/** Returns one result per image, from one pass over all. */
export async function runWhole(
  images: readonly Raster[],
  tasks: readonly ImageTask[],
  options: TaskOptions,
  pass: Pass,
  leaveNetwork: () => void,
  ready?: readonly PreparedView[],
): Promise<TaskResult[]> {
  const found: TaskResult[] = images.map(() => ({}));
  const visit = async (task: ImageTask, views: readonly View[]) => {
    const results = await ofViews(task, views, options);
    for (const [i, result] of results.entries()) found[i] = { ...found[i], ...result };
  };
  await pass(images, tasks, visit, leaveNetwork, ready);
  leaveNetwork();
  return found;
}

/** Returns one result per image, each run alone in all of its views. */
export async function runEach(images: readonly Raster[], runner: PassRunner): Promise<TaskResult[]> {
  const { tasks, options, pass, leaveNetwork } = runner;
  const found: TaskResult[] = [];
  for (const [i, image] of images.entries()) {
    const leave = i === images.length - 1 ? leaveNetwork : () => {};
    found.push(...(await runWhole([image], tasks, options, pass, leave)));
  }
  return found;
}

/** Returns one result per image, from one pass for each batch. */
export async function runBatches(
  images: readonly Raster[],
  batches: readonly Batch[],
  { tasks, options, pass, leaveNetwork }: Omit<PassRunner, 'clock' | 'pause'>,
): Promise<TaskResult[]> {
  const found: TaskResult[] = images.map(() => ({}));
  for (const [n, { slots, inputs }] of batches.entries()) {
    const leave = n === batches.length - 1 ? leaveNetwork : () => {};
    const together = slots.map((slot) => itemAt(images, slot));
    const results = await runWhole(together, tasks, options, pass, leave, [{ inputs, flipped: false }]);
    for (const [i, slot] of slots.entries()) found[slot] = itemAt(results, i);
  }
  return found;
}

/** Runs a task: on a batch of one view, or on the views of one image, which `Task.check` has let pass. */
async function ofViews(task: ImageTask, views: readonly View[], options: TaskOptions): Promise<TaskResult[]> {
  if (views.length > 1 && task.predictViews) return [await task.predictViews(views, options)];
  return task.predict(itemAt(views, 0), options);
}

/** Returns one result per image, from a pass for every few of its boxes. */
export async function runCrops(
  images: readonly Raster[],
  task: CropTask,
  runner: Omit<PassRunner, 'tasks'>,
): Promise<TaskResult[]> {
  const { options, leaveNetwork } = runner;
  const results: TaskResult[] = [];
  for (const [n, image] of images.entries()) {
    const run = await task.inCrops(image, options.size, options);
    const leave = n === images.length - 1 ? leaveNetwork : () => {};
    results.push(await runBoxes(image, task, run, { ...runner, leaveNetwork: leave }));
  }
  leaveNetwork();
  return results;
}

/**
 * Runs the boxes of one image. While the network computes on a thread of its own, the next crops are cut out and the keypoints of those
 * before are found.
 */
async function runBoxes(
  image: Raster,
  task: CropTask,
  run: CropRun,
  { pass, leaveNetwork, clock, pause, beside }: Omit<PassRunner, 'tasks'>,
): Promise<TaskResult> {
  const cut = (from: number) => inSlices(run.cut(from, Math.min(from + run.together, run.count)), pause);
  let next: Inputs | undefined;
  let unfinished: Sliced<void> | undefined;
  const finish = async () => {
    if (unfinished) await inSlices(unfinished, pause);
    unfinished = undefined;
  };
  for (let from = 0; from < run.count; from += run.together) {
    const to = Math.min(from + run.together, run.count);
    const inputs = next ?? (await clock.time('preprocess', () => cut(from)));
    next = undefined;
    const meanwhile = async () => {
      if (!beside || (to === run.count && !unfinished)) return;
      await nextTurn(); // the network begins
      await finish();
      if (to < run.count) next = await cut(to);
    };
    const visit = async (_: CropTask, views: readonly View[]) => {
      const [outputs] = await Promise.all([run.read(itemAt(views, 0)), meanwhile()]);
      unfinished = run.add(outputs, from, to);
      if (!beside) await finish();
    };
    await pass([image], [task], visit, to === run.count ? leaveNetwork : undefined, [{ inputs, flipped: false }]);
  }
  return clock.rest(task.kind, async () => {
    await finish();
    return inSlices(run.finish(), pause);
  });
}

/** Checks that tiles go with the tasks and the other options. @throws ConfigError naming a task that sees an image whole, or the other mode that excludes tiles */
export function checkTiles(tasks: readonly Task[], options: TaskOptions): void {
  if (options.tiles === undefined) return;
  const whole = tasks.find((task) => !task.inTiles);
  if (whole) {
    const what = whole.kind === 'custom' ? 'a custom head' : whole.kind;
    const remedy = tasks.length > 1 ? 'Leave `tiles` out, or choose another task with `only`.' : 'Leave `tiles` out.';
    throw new ConfigError(`\`tiles\` is for detection and segmentation: ${what} sees an image whole. ${remedy}`);
  }
  if (augmentationsOf(options).length > 1) {
    throw new ConfigError('`tiles` takes one view of each tile. Leave out `flip`, and give at most one of `scales`.');
  }
}

/** Checks that there is a task for boxes. @throws ConfigError if there is none */
export function checkBoxes(tasks: readonly Task[], { boxes, oks }: TaskOptions): void {
  if ((boxes === undefined && oks === undefined) || tasks.some(({ inCrops }) => inCrops)) return;
  const kinds = tasks.map(({ kind }) => kind).join(', ');
  throw new ConfigError(
    `the option \`${boxes ? 'boxes' : 'oks'}\` is for a pose model, and this one does ${kinds}. Leave it out.`,
  );
}

/** What a run in several passes needs of the model. */
export interface PassRunner<Options = PredictOptions> {
  readonly tasks: readonly ImageTask[];
  readonly options: Options;
  readonly pass: Pass;
  /** Lets the next call have the network. */
  readonly leaveNetwork: () => void;
  readonly clock: Stopwatch;
  readonly pause: Pause;
  /** The network computes on a thread of its own: this one can work meanwhile. */
  readonly beside: boolean;
}

/** Returns one result per image, each run alone. One that is no larger than a tile runs as without tiles. */
export async function runInTiles(
  images: readonly Raster[],
  tiles: NonNullable<TaskOptions['tiles']>,
  runner: PassRunner,
): Promise<TaskResult[]> {
  const tiling = tilingOf(tiles);
  const { tasks, options, pass, leaveNetwork } = runner;
  const results: TaskResult[] = [];
  for (const [i, image] of images.entries()) {
    const leave = i === images.length - 1 ? leaveNetwork : () => {};
    const parts = await tilesOf(image, tiling);
    const one =
      parts.length === 1
        ? await runWhole([image], tasks, options, pass, leave)
        : [await runParts(image, parts, tiling, { ...runner, leaveNetwork: leave })];
    results.push(...one);
  }
  return results;
}

async function runParts(
  image: Raster,
  parts: readonly Window[],
  tiling: Tiling,
  { tasks, options, pass, leaveNetwork, clock, pause }: PassRunner,
): Promise<TaskResult> {
  const { height, width } = image;
  const runs = new Map<ImageTask, TiledRun>();
  for (const task of tasks) {
    const run = await task.inTiles?.({ height, width }, options, tiling);
    if (run) runs.set(task, run);
  }
  const takers = tasks.filter((task) => runs.get(task)?.takesWhole);
  const whole = { top: 0, left: 0, height, width };
  if (takers.length > 0) {
    await pass([image], takers, async (task, views) => runs.get(task)?.add(itemAt(views, 0), whole));
  }
  for (const part of parts) {
    const tile = cutRaster(image, part);
    await pass([tile], tasks, async (task, views) => runs.get(task)?.add(itemAt(views, 0), part));
  }
  leaveNetwork();
  let result: TaskResult = {};
  for (const [task, run] of runs) result = { ...result, ...(await clock.rest(task.kind, () => run.finish(pause))) };
  return result;
}
