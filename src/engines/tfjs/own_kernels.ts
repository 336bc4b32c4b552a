import * as tf from '@tensorflow/tfjs-core';
import type { BackendName } from './backend.ts';
import { then } from './kernel.ts';

/**
 * Kernels of this package, for what TensorFlow.js has no kernel for or a slow one. They are registered in TensorFlow.js under
 * names of their own, so that they work on tensors of its backends and count as its kernels do; its own stay as they are.
 */

/** What each kernel takes. */
export interface OwnArguments {
  /** x · ½ · (1 + erf(x / √2)). */
  gelu: { readonly x: tf.Tensor4D };
}

export type OwnKernel = keyof OwnArguments;

/** Makes a new tensor on the current backend. */
export type OwnFunction<K extends OwnKernel> = (inputs: OwnArguments[K], backend: tf.KernelBackend) => tf.TensorInfo;

/** GELU as operations of TensorFlow.js. Halving is exact, so it may come last, when less is held. */
function geluOf(x: tf.Tensor4D): tf.Tensor4D {
  const erf = then(tf.mul(x, Math.SQRT1_2), tf.erf);
  const doubled = then(
    then(erf, () => tf.add<tf.Tensor4D>(erf, 1)),
    (y) => tf.mul<tf.Tensor4D>(x, y),
  );
  return then(doubled, (y) => tf.mul(y, 0.5));
}

/** The part of TensorFlow.js's MathBackendCPU (4.22) that is used: compositions make a new array for every step there. */
interface CpuBackend {
  readonly data: { get(id: object): { readonly values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): tf.TensorInfo;
}

const asCpu = (backend: tf.KernelBackend): CpuBackend => backend as unknown as CpuBackend;

function geluOnCpu({ x }: { readonly x: tf.Tensor4D }, backend: tf.KernelBackend): tf.TensorInfo {
  const cpu = asCpu(backend);
  const { values } = cpu.data.get(x.dataId);
  const y = new Float32Array(x.size);
  for (let i = 0; i < y.length; i++) {
    const value = values[i]!;
    y[i] = 0.5 * value * (1 + erf(value * Math.SQRT1_2));
  }
  return cpu.makeTensorInfo(x.shape, 'float32', y);
}

/** The error function by Abramowitz and Stegun 7.1.26, whose error is at most 1.5e-7. */
function erf(z: number): number {
  const size = Math.abs(z);
  const t = 1 / (1 + 0.3275911 * size);
  const polynomial = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const y = 1 - polynomial * Math.exp(-size * size);
  return z < 0 ? -y : y;
}

/**
 * Every kernel on every backend: a program of ours, or a composition of TensorFlow.js's operations. The kernels of wasm stand apart, in
 * `simd_kernels.ts`: what is here is for a wasm backend in which they cannot start.
 */
const ownKernels: { readonly [K in OwnKernel]: { readonly [B in BackendName]: OwnFunction<K> } } = {
  gelu: { cpu: geluOnCpu, wasm: ({ x }) => geluOf(x), webgl: ({ x }) => geluOf(x) },
};

const nameOf = (kernel: string): string => `moganet_${kernel}`;

/** Registers the kernels for a backend that has started. A second call does nothing. */
export function registerOwnKernels(backendName: BackendName): void {
  for (const [kernel, implementations] of Object.entries(ownKernels)) {
    const kernelName = nameOf(kernel);
    if (tf.getKernel(kernelName, backendName)) continue;
    const implementation = implementations[backendName] as OwnFunction<OwnKernel>;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, backend }) => implementation(inputs as never, backend as tf.KernelBackend),
    });
  }
}

/** Runs a kernel on the current backend. */
export const own = <K extends OwnKernel>(kernel: K, inputs: OwnArguments[K]): tf.Tensor4D =>
  tf.engine().runKernel(nameOf(kernel), inputs as unknown as tf.NamedTensorMap);
