import * as tf from '@tensorflow/tfjs';
import { plainMogaNet } from '../../bench/plain_tfjs.ts';
import type { NDArray } from '../../src/arrays.ts';
import { moganet } from '../../src/backbones/moganet.ts';
import { type OrtEngineOptions, openOrtEngine } from '../../src/engines/ort.ts';
import {
  type Engine,
  type Graph,
  map,
  parametersOf,
  programOf,
  type Readers,
  type Runner,
  recordPart,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { type EngineCheck, type EngineProbe, withAssets } from '../../src/ort.ts';
import { heldBytes, type Pretence, pretend } from './page_devices.ts';
import { type Held, type Loss, lose, loseModel, type ModelLoss, type Moment, pictures } from './page_losses.ts';
import { seededInput, seededWeight } from './seeded.ts';
import { inputOf, net } from './small_net.ts';

/** The half of `browser_engine.ts` that is bundled and runs in the page. */

/** An array as it travels between Node and the page. */
export interface Parcel {
  readonly shape: readonly number[];
  /** The bytes of its values in base64, which takes a tenth of the time of JSON. */
  readonly data: string;
}

/** What the page has asked of WebGL, and what TensorFlow.js holds. */
export interface Counts {
  /** Shader programs linked since the page began. */
  readonly programs: number;
  /** Draw calls since the page began: one for every WebGL operation. */
  readonly draws: number;
  /** Values that were read back from the device since the page began. */
  readonly read: number;
  readonly tensors: number;
  /** Bytes of the textures of living tensors. */
  readonly bytes: number;
  /** The page's own settings of TensorFlow.js, as they are between calls. */
  readonly settings: readonly unknown[];
}

/** The facts of an engine. */
export interface Started {
  readonly name: string;
  readonly detail: string;
  readonly hint?: string | undefined;
  readonly blocking?: boolean | undefined;
}

export interface Page {
  /** Returns what the engine says of itself, or the error. */
  start(name: string, options?: OrtEngineOptions): Promise<Started>;
  load(name: string, graph: Graph, weights: readonly (readonly [string, Parcel])[], readers?: Readers): Promise<number>;
  run(
    runner: number,
    inputs: Readonly<Record<string, Parcel>>,
    wanted?: readonly string[],
  ): Promise<Record<string, Parcel>>;
  dispose(runner: number): void;
  tensorCount(): number;
  /** Pretends to be another device. */
  pretend(given: Pretence): void;
  /** Takes away what an engine of this name computes on, then asks for another engine. */
  lose(name: string, moment: Moment, options?: OrtEngineOptions): Promise<Loss>;
  /** Does so while a model predicts. @param file of a model */
  loseModel(name: string, file: Parcel, options?: OrtEngineOptions): Promise<ModelLoss>;
  /** Runs images on a model: what is held after each, and at the end. */
  pictures(name: string, file: Parcel, times: number, options?: OrtEngineOptions): Promise<Held[]>;
  probeEngines(engines: readonly string[]): Promise<EngineProbe[]>;
  verify(options: {
    readonly numbers: Parcel;
    readonly exclude: Readonly<Record<string, string>>;
  }): Promise<EngineCheck[]>;
  /** Runs a network on a map and on its own result, again and again. Returns the bytes that are held after each. */
  repeat(times: number, edge: number): Promise<number[]>;
  /** The longest gap of a timer during a run, and the run's length. */
  gap(edge: number): Promise<{ readonly longest: number; readonly total: number }>;
  /** Disposes the engine, and leaves the page open. */
  end(): Promise<void>;
  counts(): Counts;
  /** Loads MogaNet XT with seeded weights: a runner. */
  loadMogaNet(): Promise<number>;
  /** Returns the draw calls of one forward of a plain port of MogaNet XT. */
  plainDraws(edge: number): number;
}

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

const unpack = ({ shape, data }: Parcel): NDArray => ({ shape, data: new Float32Array(bytesOf(data).buffer) });

const library = withAssets({
  tfjsWasm: new URL('/tfjs/', (globalThis as unknown as { location: URL }).location.href).href,
});

function pack({ shape, data }: NDArray): Parcel {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
  return { shape, data: btoa(text) };
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

const calls = { linkProgram: 0, drawElements: 0, getBufferSubData: 0 };
let valuesRead = 0;
for (const name of ['linkProgram', 'drawElements', 'getBufferSubData'] as const) {
  // these sources are type-checked without the names of the DOM
  const page = globalThis as unknown as {
    readonly WebGL2RenderingContext: { readonly prototype: Record<string, Call> };
  };
  const { prototype } = page.WebGL2RenderingContext;
  const call = prototype[name];
  prototype[name] = function (...args) {
    calls[name]++;
    if (name === 'getBufferSubData') valuesRead += (args[2] as Float32Array).length;
    return call?.apply(this, args);
  };
}

const mogaNet = recordPart({
  name: 'MogaNet XT',
  inputs: { x: map(3) },
  forward: (scope, { x }) => {
    const pyramid = moganet({ type: 'moganet', arch: 'xt' }).forward(scope, x);
    return Object.fromEntries(pyramid.map((stage, i) => [`stage${i}`, stage]));
  },
});
const mogaNetWeights = () => new Map(parametersOf(mogaNet).map(({ key, shape }) => [key, seededWeight(key, shape)]));

let engine: Engine;
const runners: (Runner | undefined)[] = [];

const page: Page = {
  pretend,
  lose,
  loseModel: (name, file, options) => loseModel(name, bytesOf(file.data), options),
  pictures: (name, file, times, options) => pictures(name, bytesOf(file.data), times, options),
  probeEngines: (engines) => library.probeEngines({ engines }),
  verify: ({ numbers, exclude }) => library.verify({ samples: { numbers: bytesOf(numbers.data) }, exclude }),
  start: async (given, options) => {
    engine = await openOrtEngine(given, options);
    const { name, detail, hint, blocking } = engine;
    return { name, detail, hint, blocking };
  },
  end: () => engine.dispose(),
  repeat: async (times, edge) => {
    const runner = await engine.load(net);
    const bytes: number[] = [];
    for (let i = 0; i < times; i++) {
      const { y } = await runner.run(inputOf(edge));
      const again = await runner.run({ x: y! });
      await again.y?.read();
      y?.dispose();
      again.y?.dispose();
      bytes.push(heldBytes());
    }
    runner.dispose();
    return bytes;
  },
  gap: async (edge) => {
    const runner = await engine.load(net);
    let longest = 0;
    let last = performance.now();
    const timer = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 5);
    const begun = performance.now();
    const { y } = await runner.run(inputOf(edge));
    await y?.read();
    const total = performance.now() - begun;
    clearInterval(timer);
    return { longest, total };
  },
  load: async (name, graph, weights, readers) => {
    const unpacked = new Map(weights.map(([key, value]) => [key, unpack(value)]));
    return runners.push(await engine.load({ name, graph, weights: unpacked, readers })) - 1;
  },
  run: async (runner, inputs, wanted) => {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, unpack(value)]));
    const outputs: Record<string, Parcel> = {};
    for (const [name, tensor] of Object.entries(await runners[runner]!.run(given, wanted))) {
      outputs[name] = pack(await tensor.read().finally(() => tensor.dispose()));
    }
    return outputs;
  },
  dispose: (runner) => {
    runners[runner]?.dispose();
    runners[runner] = undefined;
  },
  tensorCount: () => tf.memory().numTensors,
  counts: () => {
    const { numTensors, numBytesInGPU = 0 } = tf.memory() as tf.MemoryInfo & { readonly numBytesInGPU?: number };
    return {
      programs: calls.linkProgram,
      draws: calls.drawElements,
      read: valuesRead,
      tensors: numTensors,
      bytes: numBytesInGPU,
      settings: ['WEBGL_USE_SHAPES_UNIFORMS', 'WEBGL_DELETE_TEXTURE_THRESHOLD'].map((flag) => tf.env().get(flag)),
    };
  },
  loadMogaNet: async () =>
    runners.push(await engine.load(programOf('MogaNet XT', mogaNet, mogaNetWeights(), passes))) - 1,
  plainDraws: (edge) => {
    const image = seededInput('x', [1, 3, edge, edge]);
    tf.engine().startScope();
    const network = plainMogaNet('moganet_xt', mogaNetWeights());
    tf.dispose(network.forward(image)); // uploads the weights
    const { drawElements } = calls;
    tf.dispose(network.forward(image));
    tf.engine().endScope();
    return calls.drawElements - drawElements;
  },
};

(globalThis as unknown as { moganetPage: Page }).moganetPage = page;
