import * as tf from '@tensorflow/tfjs';
import { plainMogaNet } from '../../bench/plain_tfjs.ts';
import { moganet } from '../../src/backbones/moganet.ts';
import { type OrtEngineOptions, openOrtEngine } from '../../src/engines/ort.ts';
import {
  conv2d,
  type Engine,
  F,
  type Graph,
  map,
  parametersOf,
  passes,
  programOf,
  type Readers,
  type Runner,
  recordPart,
} from '../../src/nn/index.ts';
import { seededInput, seededWeight } from './seeded.ts';

/** The half of `browser_engine.ts` that is bundled and runs in the page. */

/** An array as it travels between Node and the page. */
export interface Parcel {
  readonly shape: readonly number[];
  readonly data: readonly number[];
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

export interface Loss {
  readonly first: string;
  readonly milliseconds: number;
  readonly second: string;
  readonly read: string;
  readonly load: string;
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
  /** Loses the graphics device while a result is computed, then disposes the engine. */
  loseDevice(): Promise<Loss>;
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

/** Devices of the page, the memories of its WebAssembly, and the bytes of buffers on devices. */
interface Device {
  destroy(): void;
  createBuffer(given: { readonly size: number }): { destroy(): void };
}
const devices: Device[] = [];
const memories: { readonly buffer: ArrayBuffer }[] = [];
let gpuBytes = 0;

const { GPUAdapter } = globalThis as unknown as {
  GPUAdapter?: { prototype: { requestDevice(wanted: unknown): Promise<Device> } };
};
if (GPUAdapter) {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (wanted) {
    const device = await requestDevice.call(this, wanted);
    devices.push(device);
    const create = device.createBuffer.bind(device);
    device.createBuffer = (given) => {
      const buffer = create(given);
      const destroy = buffer.destroy.bind(buffer);
      let there = true;
      gpuBytes += given.size;
      buffer.destroy = () => {
        if (there) gpuBytes -= given.size;
        there = false;
        destroy();
      };
      return buffer;
    };
    return device;
  };
}
const wasm = WebAssembly as unknown as { Memory: new (given: unknown) => { readonly buffer: ArrayBuffer } };
wasm.Memory = class extends wasm.Memory {
  constructor(given: unknown) {
    super(given);
    memories.push(this);
  }
};

const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error) => `${error.name}: ${error.message}`,
  );

const unpack = ({ shape, data }: Parcel) => ({ shape, data: Float32Array.from(data) });

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

const graph = recordPart({
  name: 'net',
  inputs: { x: map(8) },
  forward: (scope, { x }) => ({
    y: F.relu(conv2d(scope.at('b'), F.relu(conv2d(scope.at('a'), x, 8, { kernel: 3 })), 8, { kernel: 3 })),
  }),
});
const net = programOf(
  'net',
  graph,
  new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)])),
);
const inputOf = (edge: number) => ({ x: seededInput('x', [1, 8, edge, edge]) });

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
  start: async (given, options) => {
    engine = await openOrtEngine(given, options);
    const { name, detail, hint, blocking } = engine;
    return { name, detail, hint, blocking };
  },
  end: () => engine.dispose(),
  loseDevice: async () => {
    const runner = await engine.load(net);
    const kept = await runner.run(inputOf(16));
    const running = runner.run(inputOf(256)).then((outputs) => outputs.y?.read());
    await new Promise((resolve) => setTimeout(resolve, 1));
    const begun = performance.now();
    devices.at(-1)?.destroy();
    const first = await outcome(running);
    const milliseconds = performance.now() - begun;
    const second = await outcome(runner.run(inputOf(16)));
    const read = await outcome(kept.y?.read() ?? Promise.resolve());
    const load = await outcome(engine.load(net));
    kept.y?.dispose();
    runner.dispose();
    await engine.dispose();
    return { first, milliseconds, second, read, load };
  },
  repeat: async (times, edge) => {
    const runner = await engine.load(net);
    const bytes: number[] = [];
    for (let i = 0; i < times; i++) {
      const { y } = await runner.run(inputOf(edge));
      const again = await runner.run({ x: y! });
      await again.y?.read();
      y?.dispose();
      again.y?.dispose();
      bytes.push(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) + gpuBytes);
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
      const { shape, data } = await tensor.read().finally(() => tensor.dispose());
      outputs[name] = { shape, data: [...data] };
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
