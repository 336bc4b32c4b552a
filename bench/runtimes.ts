import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { createBackbone, NDArray } from 'moganet';
import type { ExportSpec, NetworkFiles, PackageSpec, PlainSpec, Spec } from './contenders.ts';
import { definitionOf, type Network, networks, weightsOf } from './networks.ts';

/** The networks that a contender's process runs: this package, PyTorch's export on onnxruntime, a plain TensorFlow.js port. */

export interface Loaded {
  readonly version: string;
  /** Runs one image and returns the pyramid on the host, N×C×H×W. */
  run(image: NDArray): Promise<readonly NDArray[]>;
}

type Loader<S extends Spec> = (spec: S, network: Network, files: NetworkFiles) => Promise<Loaded>;

async function loadPackage({ engine, threads, entry }: PackageSpec, network: Network, files: NetworkFiles) {
  const library = (await import(pathToFileURL(entry).href)) as { createBackbone: typeof createBackbone };
  const takesThreads = engine !== 'wasm' && engine !== 'cpu';
  const backbone = await library.createBackbone(networks[network], {
    weights: files.weights,
    engine,
    ...(takesThreads ? { threads } : {}),
  });
  return { version: engine, run: (image: NDArray) => backbone.forward(image) };
}

/** The part of onnxruntime's modules that is used. */
export interface Ort {
  readonly env: { readonly versions: Readonly<Record<string, string>>; readonly wasm: { numThreads?: number } };
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<OrtSession> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => object;
}

interface OrtSession {
  run(
    feeds: object,
    outputs?: readonly string[],
  ): Promise<Readonly<Record<string, { readonly dims: readonly number[]; readonly data: Float32Array }>>>;
  release(): Promise<void>;
}

const require = createRequire(import.meta.url);

/** With onnxruntime's own defaults, but for the threads. */
async function loadExport({ runtime, form, threads }: ExportSpec, network: Network, { exports }: NetworkFiles) {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const ort = require(runtime) as Ort;
  ort.env.wasm.numThreads = threads;
  const file = exports[form];
  if (file === undefined) throw new Error(`PyTorch has no ${form} export of ${network}`);
  const session = await ort.InferenceSession.create(file, {
    intraOpNumThreads: threads,
    logSeverityLevel: 4,
  });
  return {
    version: `${runtime} ${ort.env.versions[runtime === 'onnxruntime-node' ? 'node' : 'web'] ?? ''}`.trim(),
    run: async ({ data, shape }: NDArray) => {
      const outputs = await session.run({ image: new ort.Tensor('float32', data as Float32Array, shape) });
      return Object.values(outputs).map(({ dims, data }) => ({ shape: [...dims], data }));
    },
  };
}

async function loadPlain({ backend }: PlainSpec, network: Network) {
  if (network !== 'moganet_xt' && network !== 'moganet_t') throw new Error(`there is no plain port of ${network}`);
  await import('@tensorflow/tfjs-backend-wasm');
  const tf = await import('@tensorflow/tfjs-core');
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js cannot start the backend ${backend}`);
  const { plainMogaNet } = await import('./plain_tfjs.ts');
  const { run } = plainMogaNet(network, weightsOf(definitionOf(network)));
  return { version: `TensorFlow.js ${tf.version_core}`, run };
}

export const loaders: { readonly [Kind in Spec['kind']]: Loader<Extract<Spec, { kind: Kind }>> } = {
  package: loadPackage,
  export: loadExport,
  plain: loadPlain,
};
