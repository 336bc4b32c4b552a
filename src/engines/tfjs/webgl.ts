import * as tf from '@tensorflow/tfjs-core';

/** The device of the WebGL backend: which it is, how precise, when it is lost, and the textures that are kept for it. */

/** The part of TensorFlow.js's MathBackendWebGL (4.22) that is used; this room is compiled without the names of the DOM. */
interface WebGlBackend {
  readonly gpgpu: {
    readonly gl: WebGlContext;
    program: unknown;
    outputTexture: unknown;
    itemsToPoll: unknown[];
    deleteMatrixTexture(texture: unknown): void;
  };
  readonly textureManager: TextureManager;
}

interface WebGlContext {
  readonly RENDERER: number;
  readonly canvas: { addEventListener(event: 'webglcontextlost', listener: () => void): void };
  getExtension(name: 'WEBGL_debug_renderer_info'): { readonly UNMASKED_RENDERER_WEBGL: number } | null;
  getParameter(name: number): unknown;
  isContextLost(): boolean;
}

interface TextureManager {
  readonly numBytesAllocated: number;
  readonly numBytesFree: number;
  readonly freeTextures: Record<string, { readonly texture: unknown }[]> | null;
  numFreeTextures: number;
  _numBytesAllocated: number;
  _numBytesFree: number;
}

const asWebGl = (backend: tf.KernelBackend): WebGlBackend => backend as unknown as WebGlBackend;

/** Names the graphics processor, and says so if it computes in half precision. */
export function describeWebGl(backend: tf.KernelBackend): string {
  const half = isHalfPrecision() ? ', half precision (WEBGL_RENDER_FLOAT32 not available)' : '';
  return rendererOf(backend) + half;
}

function rendererOf(backend: tf.KernelBackend): string {
  const { gl } = asWebGl(backend).gpgpu;
  const info = gl.getExtension('WEBGL_debug_renderer_info');
  return String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
}

const isHalfPrecision = (): boolean => !tf.env().getBool('WEBGL_RENDER_FLOAT32_ENABLED');

/** Renderers that compute on the processor: wasm does that ten times faster. */
const inSoftware = /swiftshader|llvmpipe|softpipe|software|microsoft basic render/i;

/** Returns why wasm is the better engine here, undefined if it is not. */
export function weaknessOf(backend: tf.KernelBackend): string | undefined {
  const renderer = rendererOf(backend);
  if (inSoftware.test(renderer)) return `WebGL is computed in software here (${renderer})`;
  return isHalfPrecision() ? 'WebGL computes in half precision here (WEBGL_RENDER_FLOAT32 not available)' : undefined;
}

export const isLost = (backend: tf.KernelBackend): boolean => asWebGl(backend).gpgpu.gl.isContextLost();

/** Lets TensorFlow.js (4.22) look again for a WebGL that it did not find: it remembers that for the life of the page. */
export function lookAgain(): void {
  const { flags } = tf.env() as unknown as { readonly flags: Record<string, unknown> };
  if (flags.WEBGL_VERSION !== 0) return;
  delete flags.WEBGL_VERSION;
  delete flags.HAS_WEBGL;
}

/** Calls back when the context is lost: at a driver's reset, in a background tab, or if a page has too many. */
export function onLoss(backend: tf.KernelBackend, callback: () => void): void {
  asWebGl(backend).gpgpu.gl.canvas.addEventListener('webglcontextlost', callback);
}

/** Ends what TensorFlow.js still waits for on a lost context, which would go on for ever, and what it would warn of. */
export function abandon(backend: tf.KernelBackend): void {
  const { gpgpu } = asWebGl(backend);
  gpgpu.itemsToPoll = [];
  gpgpu.program = null;
  gpgpu.outputTexture = null;
}

/** The most bytes of textures that are kept for the next operation. */
const keptBytes = 64e6;

/**
 * Runs work with this package's settings of TensorFlow.js, which are global: they belong to the page, and are put back.
 *
 * - Programs take sizes as uniforms (`WEBGL_USE_SHAPES_UNIFORMS`), so that a new image size needs few new programs. The
 *   setting is read when a program is looked up, and is part of its key: the page's programs stay apart from ours.
 * - The textures that TensorFlow.js keeps for later, which by default are all of every size, are bounded.
 */
export function withSettings<T>(backend: tf.KernelBackend, work: () => T): T {
  const { textureManager } = asWebGl(backend);
  const threshold = textureManager.numBytesAllocated - textureManager.numBytesFree + keptBytes;
  const settings = { WEBGL_USE_SHAPES_UNIFORMS: true, WEBGL_DELETE_TEXTURE_THRESHOLD: threshold };
  const before = Object.keys(settings).map((flag) => [flag, tf.env().get(flag)] as const);
  for (const [flag, value] of Object.entries(settings)) tf.env().set(flag, value);
  try {
    return work();
  } finally {
    for (const [flag, value] of before) tf.env().set(flag, value);
    trimKeptTextures(backend);
  }
}

/** Frees the textures that are kept for later if they are more than the bound: those of reads and of freed results. */
export function trimKeptTextures(backend: tf.KernelBackend): void {
  if (asWebGl(backend).textureManager.numBytesFree > keptBytes) freeKeptTextures(backend);
}

/** Frees the textures that are kept for later. */
export function freeKeptTextures(backend: tf.KernelBackend): void {
  const { textureManager, gpgpu } = asWebGl(backend);
  if (textureManager.freeTextures === null) return; // the backend was disposed
  for (const kept of Object.values(textureManager.freeTextures)) {
    for (const { texture } of kept.splice(0)) gpgpu.deleteMatrixTexture(texture);
  }
  textureManager.numFreeTextures = 0;
  textureManager._numBytesAllocated -= textureManager._numBytesFree;
  textureManager._numBytesFree = 0;
}
