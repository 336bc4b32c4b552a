import * as tf from '@tensorflow/tfjs-core';
import type { Shape } from '../../../arrays.ts';

/**
 * Programs of this package for TensorFlow.js's WebGL backend (4.22), which compiles them, keeps them, and lays out textures.
 * All take and give packed textures: a texel holds two neighbouring pixels of a row and two channels of each, as
 * (w, c), (w, c + 1), (w + 1, c), (w + 1, c + 1). Sizes are uniforms, so a program serves every image size. TensorFlow.js
 * begins every shader with `precision highp`; a device without float32 textures rounds what a program writes.
 */

/** What TensorFlow.js calls a GPGPUProgram. */
interface GpuProgram {
  /** The samplers. The shader has `vec4 getNAME(…)` and, along the output, `vec4 getNAMEAtOutCoords()` for each. */
  readonly variableNames: readonly string[];
  readonly outputShape: Shape;
  readonly userCode: string;
  readonly packedInputs: true;
  readonly packedOutput: true;
  readonly enableShapeUniforms: true;
  readonly customUniforms: readonly { readonly name: string; readonly type: 'int' | 'float' }[];
}

/** The part of MathBackendWebGL that runs programs. */
interface ProgramRunner {
  readonly texData: { get(dataId: object): TextureData };
  uploadToGPU(dataId: object): void;
  runWebGLProgram(
    program: GpuProgram,
    inputs: readonly tf.TensorInfo[],
    dtype: 'float32',
    uniforms: readonly (readonly number[])[],
  ): tf.TensorInfo;
}

interface TextureData {
  readonly texture?: unknown;
  readonly texShape?: readonly [height: number, width: number] | null | undefined;
  isPacked?: boolean;
  shape: number[];
}

export type MapSize = readonly [batch: number, height: number, width: number, channels: number];

/** A shader: what it declares, and what its `main` writes for the output position `at` (batch, row, column, channel). */
export interface Shader {
  readonly inputs: readonly string[];
  /** The inputs that are read texel by texel; see `texelOf`. */
  readonly texels?: Readonly<Record<string, tf.Tensor>> | undefined;
  readonly functions?: string | undefined;
  /** Statements that end with a `vec4 result`. */
  readonly body: string;
  /** Names with the values for this run: whole numbers unless `float` is set. */
  readonly uniforms?: Readonly<Record<string, number | { readonly float: number }>> | undefined;
}

/** Runs a shader on the current backend, for a new map. The inputs are in the order of the shader's. */
export function runShader(shader: Shader, inputs: readonly tf.Tensor[], outputShape: MapSize): tf.Tensor4D {
  const uniforms = Object.entries(shader.uniforms ?? {});
  const program: GpuProgram = {
    variableNames: shader.inputs,
    outputShape,
    userCode: sourceOf(shader),
    packedInputs: true,
    packedOutput: true,
    enableShapeUniforms: true,
    customUniforms: uniforms.map(([name, value]) => ({ name, type: typeof value === 'number' ? 'int' : 'float' })),
  };
  const values = uniforms.map(([, value]) => [typeof value === 'number' ? value : value.float]);
  const backend = tf.backend() as unknown as ProgramRunner;
  const made = backend.runWebGLProgram(program, inputs, 'float32', values);
  return tf.engine().makeTensorFromTensorInfo(made) as tf.Tensor4D;
}

/**
 * Zeros the part of a texel beyond an odd width or number of channels: products read it, and what is not a number there would
 * spread.
 */
function sourceOf({ texels = {}, functions = '', body }: Shader): string {
  const scales = Object.keys(texels).map((name) => `${name}Scale = 1.0 / vec2((${name}TexShape.yx + 1) / 2);`);
  return `
${Object.entries(texels)
  .map(([name, tensor]) => texelOf(name, tensor))
  .join('')}
${functions}
void main() {
  ${scales.join('\n  ')}
  ivec4 at = getOutputCoords();
  ${body}
  if (at.w + 1 >= outShape[3]) result.yw = vec2(0.0);
  if (at.z + 1 >= outShape[2]) result.zw = vec2(0.0);
  setOutput(result);
}
`;
}

/**
 * Declares `vec4 NAMETexel(int line, int pair, int pairs)`, which reads a texel of the tensor by its place in a matrix of
 * texels, `pairs` in a line. The texture is that matrix, unless a texture cannot be that high: then every read divides.
 * Reading by number (`texelFetch`) takes SwiftShader 1.6 times as long as a sampler does.
 */
function texelOf(name: string, tensor: tf.Tensor): string {
  const place = isMatrix(tensor)
    ? 'vec2 place = vec2(pair, line);'
    : `int columns = (${name}TexShape[1] + 1) / 2;
  int index = line * pairs + pair;
  int row = index / columns;
  vec2 place = vec2(index - row * columns, row);`;
  return `
vec2 ${name}Scale;
vec4 ${name}Texel(int line, int pair, int pairs) {
  ${place}
  return texture(${name}, (place + 0.5) * ${name}Scale);
}`;
}

/** Uploads the tensor if it is not there yet, packed as programs read it, since only then its texture has a size. */
function isMatrix({ dataId, shape }: tf.Tensor): boolean {
  const backend = tf.backend() as unknown as ProgramRunner;
  const data = backend.texData.get(dataId);
  if (!data.texture) {
    data.isPacked = true;
    data.shape = [...shape];
  }
  backend.uploadToGPU(dataId);
  // one of another shape may be packed anew
  const isAsIs = data.isPacked === true && data.shape.join() === shape.join();
  return isAsIs && data.texShape?.[1] === 2 * Math.ceil((shape.at(-1) ?? 1) / 2);
}

/** True if the backend has what the programs need: their language is that of WebGL 2. */
export const runsPrograms = (): boolean => tf.env().getNumber('WEBGL_VERSION') === 2;

/** True if textures hold float32: otherwise no number beyond 2048 is exact in them. */
export const hasExactTextures = (): boolean => tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');
