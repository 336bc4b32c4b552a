import * as tf from '@tensorflow/tfjs-core';
import type { BackendName } from './backend.ts';
import { geluOf } from './compositions.ts';
import { geluOnCpu } from './cpu_kernels.ts';

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
