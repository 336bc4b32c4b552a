import * as tf from '@tensorflow/tfjs';
import { tfjsEngine } from '../../../src/engines/tfjs/engine.ts';
import {
  decodeImage,
  encodePng,
  loadModel,
  Mask,
  type Model,
  type Raster,
  Result,
  withAssets,
} from '../../../src/index.ts';
import { compactMask } from '../../../src/postprocess/masks.ts';
import { rleFromString } from '../../../src/postprocess/rle.ts';
import { networkRunners } from '../../harness/golden/networks.ts';
import { openCase } from '../../harness/golden.ts';
import type { Drawing, Size, Stay } from './protocol.ts';

/** The functions that tests call in a page. Arguments and results are plain data. */

const urlOf = (path: string) => new URL(path, location.href);

async function sha256(bytes: Uint8Array): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as BufferSource));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

const hashed = async ({ width, height, data }: Raster) => ({ width, height, sha256: await sha256(data as Uint8Array) });

const read = async (path: string) => new Uint8Array(await (await fetch(urlOf(path))).arrayBuffer());

export const calls = {
  /** Runs a golden case. Returns the distance of each compared tensor as a share of the tolerance. */
  async golden(name: string, backend: 'webgl' | 'wasm'): Promise<Record<string, number>> {
    const engine = await tfjsEngine(backend, { wasmPaths: './' });
    const shares: Record<string, number> = {};
    const runners = networkRunners(engine, (tensor, { maxError, tolerance }) => {
      shares[tensor] = Math.max(shares[tensor] ?? 0, maxError / tolerance);
    });
    const golden = await openCase('golden', name);
    await runners[golden.kind]!(golden);
    await engine.dispose();
    return shares;
  },

  async decode(path: string) {
    return hashed(await decodeImage(await read(path)));
  },

  /** Writes a PNG and reads it again. */
  async roundTrip(path: string) {
    return hashed(await decodeImage(encodePng(await decodeImage(await read(path)))));
  },

  async draw({ path, boxes, scores, labels, masks, classes, segmentation }: Drawing) {
    const image = await decodeImage(await read(path));
    const result = new Result({
      boxes: Float32Array.from(boxes),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(labels),
      masks: masks.map((text) => new Mask(compactMask(rleFromString(text, image)))),
      classes,
      segmentation: { labels: Uint8Array.from(segmentation), classes },
      image,
      timings: {},
    });
    return hashed(result.render({ draw: ['detection', 'segmentation'] }));
  },

  /** Predicts twice beside a program that uses TensorFlow.js on another backend. */
  async predictBeside(backend: string, size: Size): Promise<Stay> {
    await tf.setBackend(backend);
    const before = tf.memory().numTensors;
    const theirs = tf.tensor1d([1, 2]);
    const weights = urlOf('weights/facade.safetensors');
    const model = await loadModel({ config: 'facade', weights }, { engine: 'webgl' });
    const tensors: number[] = [];
    const lengths: number[] = [];
    const during = new Set<string>();
    for (let i = 0; i < 2; i++) {
      const prediction = model.predict(urlOf('images/street-house.jpg'), { size, score: 0.3, max: 10 });
      // the page's backend must be the current one in every turn of the event loop
      const watch = setInterval(() => during.add(tf.getBackend()), 0);
      const { length } = await prediction;
      clearInterval(watch);
      lengths.push(length);
      tensors.push(tf.memory().numTensors);
    }
    const total = tf.sum(theirs);
    const [sum = 0] = await total.data();
    await model.dispose();
    tf.dispose([theirs, total]);
    return {
      engine: model.engine.name,
      backend: tf.getBackend(),
      during: [...during],
      sum,
      lengths,
      tensors,
      kept: tf.memory().numTensors - before,
    };
  },

  /** Predicts an image that is given as a `data:` URL. Returns the engine and the number of instances, or the error as text. */
  async predictDataUrl(engine: 'wasm' | 'cpu', path: string): Promise<{ engine: string; length: number } | string> {
    try {
      const model = await loadModel({ config: 'facade', weights: urlOf('weights/facade.safetensors') }, { engine });
      const binary = Array.from(await read(path), (byte) => String.fromCharCode(byte)).join('');
      const image = `data:image/jpeg;base64,${btoa(binary)}`;
      const { length } = await model.predict(image, { size: { height: 64, width: 64 } }).finally(() => model.dispose());
      return { engine: model.engine.name, length };
    } catch (error) {
      return String(error);
    }
  },

  /** Returns the error that a call throws as text. */
  async refusal(call: 'missing image' | 'missing weights' | 'shipped weights' | 'missing decoder'): Promise<string> {
    const weights = urlOf('weights/facade.safetensors');
    const attempts = {
      'missing image': () => loadModel({ config: 'facade', weights }, { engine: 'wasm' }).then(predictMissing),
      'missing weights': () => loadModel({ config: 'facade', weights: urlOf('none.safetensors') }),
      'shipped weights': () => loadModel('facade'),
      'missing decoder': async () =>
        withAssets({ jpegWasm: urlOf('none.wasm') }).decodeImage(await read('images/street-house.jpg')),
    };
    return attempts[call]().then(
      () => 'nothing was thrown',
      (error: unknown) => String(error),
    );
  },
};

const predictMissing = (model: Model) => model.predict(urlOf('none.jpg')).finally(() => model.dispose());

export type Calls = typeof calls;

declare global {
  interface Window {
    calls: Calls;
  }
}

window.calls = calls;
