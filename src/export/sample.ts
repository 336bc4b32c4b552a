import type { Named, NDArray, Size, Weights } from '../arrays.ts';
import { sizeOf } from '../arrays.ts';
import { type SafetensorsOutput, writeSafetensors } from '../formats/index.ts';
import { type LoadOptions, startEngine } from '../library/load.ts';
import type { ModelDefinition } from '../models/create.ts';
import { type Engine, type Part, programOf, recordPart } from '../nn/index.ts';
import type { Platform } from '../platform/contract.ts';
import { exportedParts } from './onnx.ts';

export type SampleOptions = Pick<LoadOptions, 'engine' | 'threads'> & { readonly backbone?: boolean };

export type SampleExport = (
  definition: ModelDefinition,
  weights: Weights,
  options?: SampleOptions,
) => Promise<SafetensorsOutput>;

/** Two sizes and two batches, so that a file which has taken one of them for all is found out. */
const rounds: readonly { readonly batch: number; readonly size: Size }[] = [
  { batch: 1, size: { height: 64, width: 96 } },
  { batch: 2, size: { height: 75, width: 93 } },
];

/**
 * A safetensors file of inputs of an exported model's parts and what this package computes from them, so that another
 * runtime can be held to it: `<round>/<part>/in/<input>` and `<round>/<part>/out/<output>`.
 */
export function sampleExporter(platform: Platform): SampleExport {
  return async (definition, weights, options = {}) => {
    const engine = await startEngine(options, platform);
    try {
      const sample = new Map<string, NDArray>();
      for (const [round, { batch, size }] of rounds.entries()) {
        let known: Named<NDArray> = { image: noise([batch, 3, size.height, size.width], round + 1) };
        for (const part of exportedParts(definition, options.backbone ?? false)) {
          const inputs = inputsOf(part, known, batch, size);
          const outputs = await run(engine, part, weights, inputs);
          for (const [name, array] of Object.entries(inputs)) sample.set(`${round}/${part.name}/in/${name}`, array);
          for (const [name, array] of Object.entries(outputs)) sample.set(`${round}/${part.name}/out/${name}`, array);
          known = { ...known, ...outputs };
        }
      }
      return writeSafetensors(sample);
    } finally {
      await engine.dispose();
    }
  };
}

/** Maps are what the parts before have made of the image; each level but the second, which has none, has a few regions. */
function inputsOf(part: Part, known: Named<NDArray>, batch: number, size: Size): Named<NDArray> {
  let level = 0;
  return Object.fromEntries(
    Object.entries(part.inputs).map(([name, input]) => {
      if (input.kind === 'regions') return [name, regionsOf(level === 1 ? 0 : 2 + level, batch, size, ++level)];
      const { channels } = input;
      return [name, known[name] ?? noise([batch, channels, size.height, size.width], channels)];
    }),
  );
}

async function run(engine: Engine, part: Part, weights: Weights, inputs: Named<NDArray>): Promise<Named<NDArray>> {
  const graph = recordPart(part);
  const runner = await engine.load(programOf(part.name, graph, weights));
  try {
    const outputs = await runner.run(inputs);
    const read: Record<string, NDArray> = {};
    for (const [name, resident] of Object.entries(outputs)) {
      const { shape, data } = await resident.read();
      const rows = graph.nodes[graph.outputs[name]!]!.op === 'linear'; // as the file gives it
      read[name] = { shape: rows ? shape.slice(0, 2) : shape, data };
      resident.dispose();
    }
    return read;
  } finally {
    runner.dispose();
  }
}

/** Numbers from -1 to 1 that are the same everywhere. */
function noise(shape: readonly number[], seed: number): NDArray {
  let state = Math.imul(seed, 0x9e3779b9);
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, next) };
}

function regionsOf(count: number, batch: number, { height, width }: Size, seed: number): NDArray {
  const { data: at } = noise([count, 4], seed);
  const edge = (value: number, extent: number) => ((value + 1) / 2) * extent;
  const rows = Array.from({ length: count }, (_, i) => {
    const [a, b, c, d] = [at[4 * i]!, at[4 * i + 1]!, at[4 * i + 2]!, at[4 * i + 3]!];
    const [xs, ys] = [
      [edge(a, width), edge(c, width)],
      [edge(b, height), edge(d, height)],
    ].map((pair) => pair.sort((p, q) => p - q));
    return [i % batch, xs![0]!, ys![0]!, xs![1]!, ys![1]!];
  });
  return { shape: [count, 5], data: Float32Array.from(rows.flat()) };
}
