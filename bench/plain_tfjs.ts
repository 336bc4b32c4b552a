import * as tf from '@tensorflow/tfjs-core';
import type { NDArray } from 'moganet';

/**
 * MogaNet with plain `tf.*` calls, as a user who ports the official file to TensorFlow.js would write it: each module a
 * function, maps N×H×W×C, weights transposed once, no folding. The benchmarks count its kernels and WebGL operations, too.
 */

const archs = {
  moganet_xt: { dims: [32, 64, 96, 192], depths: [3, 3, 10, 2] },
  moganet_t: { dims: [32, 64, 128, 256], depths: [3, 3, 12, 2] },
} as const;

export type PlainArch = keyof typeof archs;

type Map4 = tf.Tensor4D;

/** The state dict on the device, in the orders that TensorFlow.js wants. */
class StateDict {
  private readonly tensors: ReadonlyMap<string, tf.Tensor>;

  constructor(weights: ReadonlyMap<string, NDArray>) {
    this.tensors = new Map(
      [...weights].map(([key, { shape, data }]) => [
        key,
        tf.tidy(() => laidOut(key, tf.tensor(data as Float32Array, [...shape]))),
      ]),
    );
  }

  dispose(): void {
    tf.dispose([...this.tensors.values()]);
  }

  vector(key: string): tf.Tensor1D {
    return this.get(key) as tf.Tensor1D;
  }

  kernel(key: string): tf.Tensor4D {
    return this.get(key) as tf.Tensor4D;
  }

  private get(key: string): tf.Tensor {
    const tensor = this.tensors.get(key);
    if (!tensor) throw new Error(`no weight ${key}`);
    return tensor;
  }
}

function laidOut(key: string, given: tf.Tensor): tf.Tensor {
  if (given.rank < 4) return given.clone();
  if (key.includes('scale')) return tf.reshape(given, [-1]); // 1×C×1×1
  return tf.transpose(given, /dw_?conv/i.test(key) ? [2, 3, 0, 1] : [2, 3, 1, 0]);
}

const gelu = (x: Map4): Map4 => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
const silu = (x: Map4): Map4 => tf.mul(x, tf.sigmoid(x));

function forwardOf({ dims, depths }: (typeof archs)[PlainArch], state: StateDict) {
  const conv = (path: string, x: Map4, stride = 1): Map4 => {
    const weight = state.kernel(`${path}.weight`);
    const pad = (weight.shape[0] - 1) >> 1;
    const padded =
      pad > 0
        ? tf.pad(x, [
            [0, 0],
            [pad, pad],
            [pad, pad],
            [0, 0],
          ])
        : x; // 'same' is not symmetric at stride 2
    return tf.add(tf.conv2d(padded, weight, stride, 'valid'), state.vector(`${path}.bias`));
  };
  const depthwise = (path: string, x: Map4, dilation = 1): Map4 => {
    const y = tf.depthwiseConv2d(x, state.kernel(`${path}.weight`), 1, 'same', 'NHWC', dilation);
    return tf.add(y, state.vector(`${path}.bias`));
  };
  const batchNorm = (path: string, x: Map4): Map4 =>
    tf.batchNorm4d(
      x,
      state.vector(`${path}.running_mean`),
      state.vector(`${path}.running_var`),
      state.vector(`${path}.bias`),
      state.vector(`${path}.weight`),
      1e-5,
    );
  const part = (x: Map4, begin: number, size: number): Map4 => tf.slice4d(x, [0, 0, 0, begin], [-1, -1, -1, size]);

  const multiOrder = (path: string, x: Map4): Map4 => {
    const channels = x.shape[3];
    const [middle, high] = [(channels * 3) >> 3, channels >> 1];
    const low = channels - middle - high;
    const x0 = depthwise(`${path}.DW_conv0`, x);
    const x1 = depthwise(`${path}.DW_conv1`, part(x0, low, middle), 2);
    const x2 = depthwise(`${path}.DW_conv2`, part(x0, low + middle, high), 3);
    return conv(`${path}.PW_conv`, tf.concat4d([part(x0, 0, low), x1, x2], 3));
  };

  const attention = (path: string, x: Map4): Map4 => {
    const y = conv(`${path}.proj_1`, x);
    const apart = tf.sub(y, tf.mean(y, [1, 2], true));
    const z = silu(tf.add(y, tf.mul(apart, state.vector(`${path}.sigma.scale`))) as Map4);
    const gated = tf.mul(silu(conv(`${path}.gate`, z)), silu(multiOrder(`${path}.value`, z)));
    return tf.add(conv(`${path}.proj_2`, gated as Map4), x);
  };

  const mlp = (path: string, x: Map4): Map4 => {
    const y = gelu(depthwise(`${path}.dwconv`, conv(`${path}.fc1`, x)));
    const apart = tf.sub(y, gelu(conv(`${path}.decompose`, y)));
    return conv(`${path}.fc2`, tf.add(y, tf.mul(apart, state.vector(`${path}.sigma.scale`))) as Map4);
  };

  const block = (path: string, x: Map4): Map4 => {
    const spatial = attention(`${path}.attn`, batchNorm(`${path}.norm1`, x));
    const y: Map4 = tf.add(x, tf.mul(spatial, state.vector(`${path}.layer_scale_1`)));
    const channel = mlp(`${path}.mlp`, batchNorm(`${path}.norm2`, y));
    return tf.add(y, tf.mul(channel, state.vector(`${path}.layer_scale_2`)));
  };

  const embed = (i: number, x: Map4): Map4 => {
    const path = `patch_embed${i}`;
    if (i > 1) return batchNorm(`${path}.norm`, conv(`${path}.projection`, x, 2));
    const y = gelu(batchNorm(`${path}.projection.1`, conv(`${path}.projection.0`, x, 2)));
    return batchNorm(`${path}.projection.4`, conv(`${path}.projection.3`, y, 2));
  };

  return (image: Map4): Map4[] => {
    let x = image;
    return dims.map((_, stage) => {
      x = embed(stage + 1, x);
      for (let j = 0; j < (depths[stage] ?? 0); j++) x = block(`blocks${stage + 1}.${j}`, x);
      x = batchNorm(`norm${stage + 1}`, x);
      return x;
    });
  };
}

export interface PlainNetwork {
  /** Runs one image N×C×H×W on the current backend. The caller disposes the pyramid, N×H×W×C. */
  forward(image: NDArray): tf.Tensor4D[];
  /** Runs it and returns the pyramid on the host, N×C×H×W. */
  run(image: NDArray): Promise<NDArray[]>;
  /** Returns the kernels of one run by name. */
  kernels(image: NDArray): Promise<readonly string[]>;
  /** Frees the weights. */
  dispose(): void;
}

/** Loads the network on the current backend. */
export function plainMogaNet(arch: PlainArch, weights: ReadonlyMap<string, NDArray>): PlainNetwork {
  const state = new StateDict(weights);
  const network = forwardOf(archs[arch], state);
  const forward = ({ shape, data }: NDArray): tf.Tensor4D[] =>
    tf.tidy(() => network(tf.transpose(tf.tensor4d(data as Float32Array, [...shape] as Four), [0, 2, 3, 1])));
  return {
    forward,
    async run(image) {
      const maps = forward(image);
      const read = maps.map(async (map) => {
        const ordered = tf.transpose(map, [0, 3, 1, 2]);
        const array = { shape: ordered.shape, data: (await ordered.data()) as Float32Array };
        tf.dispose([map, ordered]);
        return array;
      });
      return Promise.all(read);
    },
    async kernels(image) {
      const profile = await tf.profile(() => tf.dispose(forward(image)));
      return profile.kernels.map(({ name }) => name);
    },
    dispose: () => state.dispose(),
  };
}

type Four = [number, number, number, number];
