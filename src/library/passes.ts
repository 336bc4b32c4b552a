import { itemAt } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { cutRaster, type Raster } from '../image/raster.ts';
import {
  augmentationsOf,
  type Inputs,
  type Task,
  type TaskOptions,
  type TaskResult,
  type TiledRun,
  type View,
} from '../models/task.ts';
import { type Tiling, tilesOf, tilingOf } from '../models/tiles.ts';
import type { Window } from '../postprocess/windows.ts';
import type { Pause } from '../slices.ts';
import type { Batch } from './batches.ts';
import type { Stopwatch } from './timing.ts';

/** The ways in which a prediction uses the network: one pass over whole images, or one for each batch, image or tile. */

/**
 * Runs the network on images together, and then the tasks that read its outputs, one after the other.
 *
 * @param whenFree is called as soon as the tasks need the network no more, if they say so
 * @param ready the input of the images. By default they are prepared, in all views that the options ask for
 */
export type Pass = (
  images: readonly Raster[],
  tasks: readonly Task[],
  visit: (task: Task, views: readonly View[]) => Promise<void>,
  whenFree?: () => void,
  ready?: Inputs,
) => Promise<void>;

/** Returns one result per image, from one pass over all. */
export async function runWhole(
  images: readonly Raster[],
  tasks: readonly Task[],
  options: TaskOptions,
  pass: Pass,
  leaveNetwork: () => void,
  ready?: Inputs,
): Promise<TaskResult[]> {
  const found: TaskResult[] = images.map(() => ({}));
  const visit = async (task: Task, views: readonly View[]) => {
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
    const results = await runWhole(together, tasks, options, pass, leave, inputs);
    for (const [i, slot] of slots.entries()) found[slot] = itemAt(results, i);
  }
  return found;
}

/** Runs a task: on a batch of one view, or on the views of one image, which `Task.check` has let pass. */
async function ofViews(task: Task, views: readonly View[], options: TaskOptions): Promise<TaskResult[]> {
  if (views.length > 1 && task.predictViews) return [await task.predictViews(views, options)];
  return task.predict(itemAt(views, 0), options);
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

/** What a run in several passes needs of the model. */
export interface PassRunner {
  readonly tasks: readonly Task[];
  readonly options: TaskOptions;
  readonly pass: Pass;
  /** Lets the next call have the network. */
  readonly leaveNetwork: () => void;
  readonly clock: Stopwatch;
  readonly pause: Pause;
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
  const runs = new Map<Task, TiledRun>();
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
