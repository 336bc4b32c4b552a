/** Holds what a page computes on, so that tests can count its bytes and take it away. Import it first. */

/** The part of WebGPU that is watched. */
interface GpuDevice {
  destroy(): void;
  createBuffer(given: { readonly size: number }): { destroy(): void };
}

type Call = (this: unknown, ...args: unknown[]) => unknown;

/** These sources are type-checked without the names of the DOM. */
interface PageGlobals {
  readonly GPUAdapter?: { prototype: { requestDevice(wanted: unknown): Promise<GpuDevice> } };
  readonly WebGL2RenderingContext: { readonly prototype: Record<string, Call> };
  readonly HTMLCanvasElement: { readonly prototype: Record<string, Call> };
  readonly OffscreenCanvas: { readonly prototype: Record<string, Call> };
  readonly WebAssembly: Record<string, Call> & { Memory: new (given: unknown) => { readonly buffer: ArrayBuffer } };
}
const page = globalThis as unknown as PageGlobals;

const devices: GpuDevice[] = [];
const memories: { readonly buffer: ArrayBuffer }[] = [];
let gpuBytes = 0;

if (page.GPUAdapter) {
  const { requestDevice } = page.GPUAdapter.prototype;
  page.GPUAdapter.prototype.requestDevice = async function (wanted) {
    const device = await requestDevice.call(this, wanted);
    devices.push(device);
    const create = device.createBuffer.bind(device);
    device.createBuffer = (given) => {
      const buffer = create(given);
      const destroy = buffer.destroy.bind(buffer);
      let there = true;
      gpuBytes += given.size;
      buffer.destroy = () => {
        if (there) gpuBytes -= given.size;
        there = false;
        destroy();
      };
      return buffer;
    };
    return device;
  };
}

page.WebAssembly.Memory = class extends page.WebAssembly.Memory {
  constructor(given: unknown) {
    super(given);
    memories.push(this);
  }
};

/** Bytes of the page's WebAssembly memories, and of the buffers on its devices of WebGPU. */
export const heldBytes = (): number => memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0) + gpuBytes;

/** The module `(func (export "f") unreachable)`. */
const trapping = Uint8Array.of(
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 5, 1, 3, 0, 0, 11],
);
let trap: () => void = () => {};
/** Instances of WebAssembly. Each export of a dead one traps. */
const instances: { readonly url: string; dead: boolean }[] = [];

interface Instantiated {
  readonly module: unknown;
  readonly instance: { readonly exports: Record<string, unknown> };
}

const plainInstantiate = page.WebAssembly.instantiate;
for (const name of ['instantiate', 'instantiateStreaming']) {
  const original = page.WebAssembly[name];
  page.WebAssembly[name] = async (...given) => {
    const { url = '' } = (await given[0]) as { readonly url?: string };
    const found = (await original?.apply(page.WebAssembly, given)) as Instantiated;
    if (!found.instance) return found; // of a module that was compiled before
    const instance = { url, dead: false };
    instances.push(instance);
    for (const held of Object.values(found.instance.exports)) {
      if (Object.prototype.toString.call(held) === '[object WebAssembly.Memory]') {
        if (!memories.includes(held as never)) memories.push(held as never);
      }
    }
    const exports = Object.fromEntries(
      Object.entries(found.instance.exports).map(([key, value]) => {
        if (typeof value !== 'function') return [key, value];
        const call = value as (...args: unknown[]) => unknown;
        const wrapped = (...args: unknown[]) => {
          if (instance.dead) trap();
          return call(...args);
        };
        return [key, wrapped];
      }),
    );
    return { module: found.module, instance: { exports } };
  };
}

/** Part of the URLs of engines in WebAssembly. */
const files: Readonly<Record<string, string>> = {
  wasm: 'tfjs-backend-wasm',
  'ort-wasm': 'ort-wasm-simd-threaded.wasm',
};

const contexts: { getExtension(name: string): { loseContext(): void } | null }[] = [];

/** What the page pretends. */
export interface Pretence {
  /** WebGL is not computed in software. */
  readonly hardware?: boolean;
  /** There is no WebGL. */
  readonly noWebgl?: boolean;
  /** WebGL has no float32 render targets. */
  readonly half?: boolean;
}
let pretended: Pretence = {};
export const pretend = (given: Pretence): void => {
  pretended = given;
};

for (const { prototype } of [page.HTMLCanvasElement, page.OffscreenCanvas]) {
  const { getContext } = prototype;
  prototype.getContext = function (kind, ...rest) {
    if (pretended.noWebgl && /webgl/.test(String(kind))) return null;
    const context = getContext?.apply(this, [kind, ...rest]);
    if (context && kind === 'webgl2' && !contexts.includes(context as never)) contexts.push(context as never);
    return context;
  };
}
const unmaskedRenderer = 0x9246;
const { getParameter, getExtension } = page.WebGL2RenderingContext.prototype;
page.WebGL2RenderingContext.prototype.getParameter = function (name) {
  if (pretended.hardware && name === unmaskedRenderer) return 'A pretended GPU';
  return getParameter?.apply(this, [name]);
};
page.WebGL2RenderingContext.prototype.getExtension = function (name) {
  if (pretended.half && name === 'EXT_color_buffer_float') return null;
  return getExtension?.apply(this, [name]);
};

/** Takes away what an engine of this name computes on: contexts of WebGL, the last device of WebGPU, or instances of WebAssembly. */
export function takeFrom(name: string): void {
  if (name === 'webgpu') devices.at(-1)?.destroy();
  else if (name in files) {
    for (const instance of instances) if (instance.url.includes(files[name] ?? '')) instance.dead = true;
  } else for (const context of contexts.splice(0)) context.getExtension('WEBGL_lose_context')?.loseContext();
}

/** Compiles what traps; to be called before the first trap. */
export async function readyToTrap(): Promise<void> {
  const found = await plainInstantiate?.call(page.WebAssembly, trapping);
  trap = (found as Instantiated).instance.exports.f as () => void;
}
