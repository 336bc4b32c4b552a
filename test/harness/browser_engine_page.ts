import * as tf from '@tensorflow/tfjs';
import type { BackendName } from '../../src/engines/tfjs/backend.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import type { Engine, Graph, Runner } from '../../src/nn/index.ts';

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
  readonly tensors: number;
  /** Bytes of the textures of living tensors. */
  readonly bytes: number;
  /** The page's own settings of TensorFlow.js, as they are between calls. */
  readonly settings: readonly unknown[];
}

export interface Page {
  start(backend: BackendName): Promise<string>;
  load(name: string, graph: Graph, weights: readonly (readonly [string, Parcel])[]): Promise<number>;
  run(runner: number, inputs: Readonly<Record<string, Parcel>>): Promise<Record<string, Parcel>>;
  dispose(runner: number): void;
  tensorCount(): number;
  counts(): Counts;
}

const unpack = ({ shape, data }: Parcel) => ({ shape, data: Float32Array.from(data) });

type Call = (this: unknown, ...args: unknown[]) => unknown;

const calls = { linkProgram: 0, drawElements: 0 };
for (const name of ['linkProgram', 'drawElements'] as const) {
  // these sources are type-checked without the names of the DOM
  const page = globalThis as unknown as { readonly WebGL2RenderingContext: { readonly prototype: Record<string, Call> } };
  const { prototype } = page.WebGL2RenderingContext;
  const call = prototype[name];
  prototype[name] = function (...args) {
    calls[name]++;
    return call?.apply(this, args);
  };
}

let engine: Engine;
const runners: (Runner | undefined)[] = [];

const page: Page = {
  start: async (backend) => {
    engine = await tfjsEngine(backend);
    return engine.detail;
  },
  load: async (name, graph, weights) => {
    const unpacked = new Map(weights.map(([key, value]) => [key, unpack(value)]));
    return runners.push(await engine.load({ name, graph, weights: unpacked })) - 1;
  },
  run: async (runner, inputs) => {
    const given = Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name, unpack(value)]));
    const outputs: Record<string, Parcel> = {};
    for (const [name, tensor] of Object.entries(await runners[runner]!.run(given))) {
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
      tensors: numTensors,
      bytes: numBytesInGPU,
      settings: ['WEBGL_USE_SHAPES_UNIFORMS', 'WEBGL_DELETE_TEXTURE_THRESHOLD'].map((flag) => tf.env().get(flag)),
    };
  },
};

(globalThis as unknown as { moganetPage: Page }).moganetPage = page;
