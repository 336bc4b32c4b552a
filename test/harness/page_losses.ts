import * as tf from '@tensorflow/tfjs-core';
import { type OrtEngineOptions, openOrtEngine } from '../../src/engines/ort.ts';
import type { Engine } from '../../src/nn/index.ts';
import { withAssets } from '../../src/ort.ts';
import { heldBytes, readyToTrap, takeFrom } from './page_devices.ts';
import { inputOf, net } from './small_net.ts';

/** What tests do in a page to engines whose device goes away, and to models that run for long. */

/** When it goes away. */
export type Moment = 'between runs' | 'during a run' | 'during a read' | 'during a load' | 'during the disposal';

export interface Loss {
  /** What the moment gives: an error as text, or `done`. */
  readonly first: string;
  /** Further calls on the engine. */
  readonly later: { readonly run: string; readonly read: string; readonly load: string };
  /** A run on another engine of this name. */
  readonly neighbour: string;
  readonly lost: readonly (boolean | undefined)[];
  readonly disposed: readonly string[];
  /** The longest of the engine's calls, in milliseconds. */
  readonly slowest: number;
  /** What `auto` takes then, with its hint, and its output for a small map. */
  readonly auto: { readonly name: string; readonly hint: string | undefined; readonly values: readonly number[] };
  /** The same engine by name. */
  readonly again: string;
}

export interface ModelLoss {
  readonly first: string;
  readonly second: string;
  readonly disposed: string;
  readonly slowest: number;
  readonly lost: boolean | undefined;
  /** The engine of a new model by `auto`, and how many classes its label map has. */
  readonly auto: string;
  readonly pixels: number;
}

export interface Held {
  readonly tensors: number;
  readonly tensorBytes: number;
  /** Memories of WebAssembly, and buffers of WebGPU. */
  readonly bytes: number;
}

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => `${error.name}: ${error.message}`,
  );

/** Notes the longest time of the calls that are made through it. */
function timer() {
  const times: number[] = [];
  const timed = async (work: Promise<unknown>): Promise<string> => {
    const begun = performance.now();
    const text = await outcome(work);
    times.push(performance.now() - begun);
    return text;
  };
  return { timed, slowest: () => Math.max(...times) };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 1));

export async function lose(name: string, moment: Moment, options?: OrtEngineOptions): Promise<Loss> {
  await readyToTrap();
  const neighbour = await openOrtEngine(name, options);
  const engine = await openOrtEngine(name, options);
  const runner = await engine.load(net);
  const other = await neighbour.load(net);
  const { y: kept } = await runner.run(inputOf(16));
  if (!kept) throw new RangeError('the net has no output');
  const begin: Record<Moment, () => Promise<unknown>> = {
    'between runs': async () => {},
    'during a run': () => runner.run(inputOf(256)).then(({ y }) => y?.read()),
    'during a read': () => kept.read(),
    'during a load': () => engine.load(net),
    'during the disposal': () => engine.dispose(),
  };
  const { timed, slowest } = timer();
  const running = outcome(begin[moment]());
  // WebAssembly computes on this thread: it would be done
  await (moment === 'during a read' || engine.name.includes('wasm') ? Promise.resolve() : soon());
  takeFrom(name);
  const first = await timed(moment === 'between runs' ? runner.run(inputOf(16)) : running.then(thrown));
  const later = {
    run: await timed(runner.run(inputOf(16))),
    read: await timed(kept.read()),
    load: await timed(engine.load(net)),
  };
  const beside = await outcome(other.run(inputOf(16)).then(({ y }) => y?.read()));
  const lost = [engine.lost, neighbour.lost];
  kept.dispose();
  runner.dispose();
  const disposed = [await timed(engine.dispose()), await timed(neighbour.dispose())];
  const auto = await openOrtEngine('auto', options);
  const values = await valuesOf(auto);
  const { name: taken, hint } = auto;
  await auto.dispose();
  const again = await outcome(openOrtEngine(name, options).then((one) => valuesOf(one).finally(() => one.dispose())));
  return {
    first,
    later,
    neighbour: beside,
    lost,
    disposed,
    slowest: slowest(),
    auto: { name: taken, hint, values },
    again,
  };
}

/** Throws the text of a failure again, so that it is timed from the loss on. */
function thrown(text: string): void {
  if (text === 'done') return;
  const [, name = 'Error', message = text] = /^(\w+): (.*)$/s.exec(text) ?? [];
  throw Object.assign(new Error(message), { name });
}

async function valuesOf(engine: Engine): Promise<number[]> {
  const { y } = await (await engine.load(net)).run(inputOf(8));
  return [...((await y?.read())?.data ?? [])];
}

const imageOf = (edge: number) => {
  const data = new Uint8ClampedArray(4 * edge * edge).map((_, i) => (i * 7) % 256);
  return { width: edge, height: edge, data };
};

const libraryFor = (options: OrtEngineOptions | undefined) =>
  withAssets(typeof options?.wasmPaths === 'string' ? { tfjsWasm: options.wasmPaths } : {});

export async function loseModel(name: string, file: Uint8Array, options?: OrtEngineOptions): Promise<ModelLoss> {
  await readyToTrap();
  const { loadModel } = libraryFor(options);
  const model = await loadModel({ weights: file }, { engine: name });
  const image = imageOf(96);
  await model.predict(image);
  const { timed, slowest } = timer();
  const running = outcome(model.predict(image));
  await soon();
  takeFrom(name);
  const first = await timed(running.then(thrown));
  const second = await timed(model.predict(image));
  const { lost } = model.engine;
  const disposed = await timed(model.dispose());
  const next = await loadModel({ weights: file });
  const { segmentation } = await next.predict(image);
  await next.dispose();
  const pixels = segmentation?.labels.length ?? 0;
  return { first, second, disposed, slowest: slowest(), lost, auto: next.engine.name, pixels };
}

export async function pictures(
  name: string,
  file: Uint8Array,
  times: number,
  options?: OrtEngineOptions,
): Promise<Held[]> {
  const { loadModel } = libraryFor(options);
  const held: Held[] = [];
  const note = () => {
    const { numTensors: tensors, numBytes: tensorBytes } = tf.memory();
    held.push({ tensors, tensorBytes, bytes: heldBytes() });
  };
  note();
  const model = await loadModel({ weights: file }, { engine: name });
  for (let i = 0; i < times; i++) {
    await model.predict(imageOf([64, 48, 80][i % 3] ?? 64));
    note();
  }
  await model.dispose();
  note();
  return held;
}
