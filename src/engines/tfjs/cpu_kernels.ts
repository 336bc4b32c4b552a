import type * as tf from '@tensorflow/tfjs-core';

/** Kernels in plain TypeScript for the cpu backend of TensorFlow.js, whose compositions make a new array for every step. */

/** The part of TensorFlow.js's MathBackendCPU (4.22) that is used. */
interface CpuBackend {
  readonly data: { get(id: object): { readonly values: Float32Array } };
  makeTensorInfo(shape: number[], dtype: 'float32', values: Float32Array): tf.TensorInfo;
}

const asCpu = (backend: tf.KernelBackend): CpuBackend => backend as unknown as CpuBackend;

export function geluOnCpu({ x }: { readonly x: tf.Tensor4D }, backend: tf.KernelBackend): tf.TensorInfo {
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
