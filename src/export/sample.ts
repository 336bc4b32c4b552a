import * as z from 'zod/mini';
import { type Named, type NDArray, type Size, sizeOf, type Weights } from '../arrays.ts';
import { type SafetensorsOutput, writeSafetensors } from '../formats/index.ts';
import { type LoadOptions, startEngine } from '../library/load.ts';
import { readOptions } from '../loading/resolve.ts';
import type { ModelDefinition } from '../models/create.ts';
import { type Engine, loadPart, type RecordedPart } from '../nn/index.ts';
import type { Platform } from '../platform/contract.ts';
import { validateOptions } from '../validate.ts';
import { checkExport, exportedParts } from './onnx.ts';

export type SampleOptions = Pick<LoadOptions, 'engine' | 'threads'> & { readonly backbone?: boolean | undefined };

export type SampleExport = (
  definition: ModelDefinition,
  weights: Weights,
  options?: SampleOptions,
) => Promise<SafetensorsOutput>;

/** Two sizes and two batches, so that a file that works for only one of them fails the check. */
const rounds: readonly { readonly batch: number; readonly size: Size }[] = [
  { batch: 1, size: { height: 64, width: 96 } },
  { batch: 2, size: { height: 75, width: 93 } },
];

/**
 * Returns the exporter of a sample: a safetensors file of inputs of an exported model's parts, and of the outputs that this
 * package computes. Another runtime can be compared with it. Keys are `<round>/<part>/in/<input>` and `<round>/<part>/out/<output>`.
 */
export function sampleExporter(platform: Platform): SampleExport {
  return async (definition, weights, given = {}) => {
    checkExport(definition, weights, 'exportSample');
    const { backbone = false, ...options } = given;
    validateOptions(sampleOptions, given, 'exportSample');
    const engine = await startEngine(options, platform);
    try {
      const sample = new Map<string, NDArray>();
      for (const [round, { batch, size }] of rounds.entries()) {
        let known: Named<NDArray> = { image: noise([batch, 3, size.height, size.width], round + 1) };
        for (const part of exportedParts(definition, backbone)) {
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

const sampleOptions = z.extend(z.pick(readOptions, { engine: true, threads: true }), {
  backbone: z.optional(z.boolean()),
});

/** Takes maps from the outputs of earlier parts. Every level has a few regions, but the second has none. */
function inputsOf(part: RecordedPart, known: Named<NDArray>, batch: number, size: Size): Named<NDArray> {
  let level = 0;
  return Object.fromEntries(
    Object.entries(part.inputs).map(([name, input]) => {
      if (input.kind === 'regions') return [name, randomRegions(level === 1 ? 0 : 2 + level, batch, size, ++level)];
      const { channels } = input;
      return [name, known[name] ?? noise([batch, channels, size.height, size.width], channels)];
    }),
  );
}

async function run(engine: Engine, part: RecordedPart, weights: Weights, inputs: Named<NDArray>) {
  const { graph } = part;
  const runner = await loadPart(engine, part, weights, []);
  try {
    const read: Record<string, NDArray> = {};
    for (const [name, tensor] of Object.entries(await runner.run(inputs))) {
      const { shape, data } = await tensor.read();
      const isRows = graph.nodes[graph.outputs[name] ?? -1]?.op === 'linear'; // two axes in the ONNX file
      read[name] = { shape: isRows ? shape.slice(0, 2) : shape, data };
      tensor.dispose();
    }
    return read;
  } finally {
    runner.dispose();
  }
}

/** Numbers from -1 to 1, the same on every machine. */
function noise(shape: readonly number[], seed: number): NDArray {
  let state = Math.imul(seed, 0x9e3779b9);
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
  return { shape, data: Float32Array.from({ length: sizeOf(shape) }, next) };
}

function randomRegions(count: number, batch: number, { height, width }: Size, seed: number): NDArray {
  const { data: corners } = noise([count, 4], seed);
  const edge = (value: number, extent: number) => ((value + 1) / 2) * extent;
  const rows = Array.from({ length: count }, (_, i) => {
    const [a = 0, b = 0, c = 0, d = 0] = corners.subarray(4 * i, 4 * i + 4);
    const xs = [edge(a, width), edge(c, width)];
    const ys = [edge(b, height), edge(d, height)];
    return [i % batch, Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  });
  return { shape: [count, 5], data: Float32Array.from(rows.flat()) };
}
