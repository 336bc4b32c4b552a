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

export interface Page {
  start(backend: BackendName): Promise<string>;
  load(name: string, graph: Graph, weights: readonly (readonly [string, Parcel])[]): Promise<number>;
  run(runner: number, inputs: Readonly<Record<string, Parcel>>): Promise<Record<string, Parcel>>;
  dispose(runner: number): void;
  tensorCount(): number;
}

const unpack = ({ shape, data }: Parcel) => ({ shape, data: Float32Array.from(data) });

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
};

(globalThis as unknown as { moganetPage: Page }).moganetPage = page;
