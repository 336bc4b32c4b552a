import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { createBackbone } from 'moganet';
import { type OnnxRuntime, onnxEngine } from 'moganet/onnx';
import { definitionOf, imageOf, type Network, networks, weightsOf } from '../networks.ts';
import { onnxOperators } from '../onnx_operators.ts';
import type { Options } from '../options.ts';
import { filesFolder, filesOf, findPython, howToGetTorch } from '../peers.ts';
import { plainMogaNet } from '../plain_tfjs.ts';
import type { Cell, Report } from '../report.ts';
import type { Ort } from '../runtimes.ts';
import type { Ratio } from '../statistics.ts';

/** Counts the work of the runtimes: nodes of ONNX files, before and after onnxruntime's own passes, and kernels of TensorFlow.js. */
export async function counts({ networks: chosen }: Options): Promise<Report> {
  const python = await findPython();
  const rows: Cell[][] = [];
  const ratios: Ratio[] = [];
  for (const network of chosen) {
    const { exports, weights } = await filesOf(network, python);
    const ours = await ownCounts(network, weights);
    rows.push([network, 'this package', ours.nodes, ours.run, ours.layout]);
    for (const [form, file] of Object.entries(exports)) {
      const theirs = await countsOf(file);
      rows.push([network, `export: ${form}`, theirs.nodes, theirs.run, theirs.layout]);
      ratios.push({ name: `counts ${network}: nodes that run / ${form} export`, value: ours.run / theirs.run });
    }
    if (network === 'moganet_xt' || network === 'moganet_t') {
      const image = imageOf({ height: 64, width: 96 });
      const plain = await plainKernels(network);
      const backbone = await createBackbone(networks[network], { weights, engine: 'wasm' });
      const profile = await tf.profile(async () => {
        await backbone.forward(image);
        return [];
      });
      await backbone.dispose();
      rows.push([network, 'wasm', undefined, profile.kernels.length], [network, 'plain tf.* calls', undefined, plain]);
      ratios.push({
        name: `counts ${network}: TensorFlow.js kernels / plain port`,
        value: profile.kernels.length / plain,
      });
    }
  }
  const columns = ['network', 'of', 'nodes of the file', 'kernels that run', 'of them layouts'];
  return {
    tables: [{ title: 'counts: kernels of one forward', columns, rows }],
    ratios,
    notes: rows.some(([, of]) => `${of}`.startsWith('export')) ? [] : [howToGetTorch],
  };
}

async function plainKernels(network: 'moganet_xt' | 'moganet_t'): Promise<number> {
  await tf.setBackend('wasm');
  const kernels = await plainMogaNet(network, weightsOf(definitionOf(network))).kernels(
    imageOf({ height: 64, width: 96 }),
  );
  return kernels.length;
}

interface FileCounts {
  readonly nodes: number;
  /** After onnxruntime has fused and changed layouts. */
  readonly run: number;
  readonly layout: number;
}

const layouts = new Set(['ReorderInput', 'ReorderOutput', 'Transpose', 'Reshape']);

const runtime = (): unknown => {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  return createRequire(import.meta.url)('onnxruntime-node');
};

/** Counts what this package hands to onnxruntime. */
async function ownCounts(network: Network, weights: string): Promise<FileCounts> {
  const ort = runtime() as OnnxRuntime;
  const optimised = join(filesFolder, `${network}-own.optimised.onnx`);
  let nodes = 0;
  const InferenceSession: OnnxRuntime['InferenceSession'] = {
    create: (model, options) => {
      nodes = onnxOperators(model).length;
      const more = { optimizedModelFilePath: optimised };
      return ort.InferenceSession.create(model, { ...options, ...more });
    },
  };
  const engine = onnxEngine({ ...ort, InferenceSession }, { threads: 1 });
  const backbone = await createBackbone(networks[network], { weights, engine });
  await backbone.dispose();
  return { nodes, ...optimisedCounts(optimised) };
}

async function countsOf(file: string): Promise<FileCounts> {
  const optimised = `${file}.optimised`;
  const options = { optimizedModelFilePath: optimised, logSeverityLevel: 4 };
  const session = await (runtime() as Ort).InferenceSession.create(file, options);
  await session.release();
  return { nodes: onnxOperators(readFileSync(file)).length, ...optimisedCounts(optimised) };
}

/** Counts the operators of a file that onnxruntime has written, and removes it. */
function optimisedCounts(file: string): Pick<FileCounts, 'run' | 'layout'> {
  const run = onnxOperators(readFileSync(file));
  rmSync(file);
  return { run: run.length, layout: run.filter((op) => layouts.has(op)).length };
}
