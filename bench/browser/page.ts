import * as tf from '@tensorflow/tfjs';
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { writeSafetensors } from 'moganet/formats';
import { withAssets } from 'moganet/ort';
import { definitionOf, type ImageSize, imageOf, networks, weightsOf } from '../networks.ts';
import { type PlainArch, plainMogaNet } from '../plain_tfjs.ts';
import type { Calls } from './calls.ts';

/** The half of scenarios/web.ts that is bundled and runs in a page. */

const counts = { draws: 0, programs: 0 };

/** Counts the calls of a method of all WebGL contexts. */
function counted(method: 'drawElements' | 'drawArrays' | 'linkProgram', count: () => void): void {
  const { prototype } = WebGL2RenderingContext;
  const original = prototype[method] as (...args: unknown[]) => void;
  Object.assign(prototype, {
    [method](this: WebGL2RenderingContext, ...args: unknown[]) {
      count();
      original.apply(this, args);
    },
  });
}

counted('drawElements', () => counts.draws++);
counted('drawArrays', () => counts.draws++);
counted('linkProgram', () => counts.programs++);

let forward: ((image: ReturnType<typeof imageOf>) => Promise<unknown>) | undefined;

async function load(network: PlainArch, form: 'package' | 'plain', engine: string): Promise<void> {
  const weights = weightsOf(definitionOf(network));
  if (form === 'plain') {
    setWasmPaths('./');
    if (!(await tf.setBackend(engine))) throw new Error(`TensorFlow.js cannot start the backend ${engine}`);
    forward = plainMogaNet(network, weights).run;
    return;
  }
  const { createBackbone } = withAssets({ tfjsWasm: './', ortWasm: './' });
  const file = await writeSafetensors(weights).bytes();
  const backbone = await createBackbone(networks[network], { weights: file, engine });
  forward = (image) => backbone.forward(image);
}

async function run(size: ImageSize): Promise<number> {
  if (!forward) throw new Error('load a network first');
  const image = imageOf(size);
  const start = performance.now();
  await forward(image);
  return performance.now() - start;
}

const calls: Calls = { load, run, counts: async () => ({ ...counts }) };
Object.assign(globalThis, { bench: calls });
