import { EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { onnxEngine } from './onnx/engine.ts';
import type { OnnxRuntime } from './onnx/runtime.ts';

/** The runtime, or why there is none. */
export type FoundRuntime =
  | { readonly ort: OnnxRuntime; readonly reason?: undefined }
  | { readonly ort?: undefined; readonly reason: string };

/** Without its install script, which fetches files for GPUs; those for the CPU are in the package. */
export const howToInstall = 'npm install onnxruntime-node --ignore-scripts';

/**
 * `onnxruntime-node`, if it is installed and starts here: npm leaves this optional dependency out where its install script
 * fails, and it has no binaries for some systems (musl).
 */
export async function loadOnnxRuntime(): Promise<FoundRuntime> {
  // it keeps a device id and a database of events in the user's cache otherwise; who wants that sets the variable to 0
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const name: string = 'onnxruntime-node'; // a variable, so that neither compiler nor bundler insists on the package
  try {
    return { ort: (await import(name)) as OnnxRuntime };
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === 'ERR_MODULE_NOT_FOUND';
    return { reason: missing ? 'onnxruntime-node is not installed' : `onnxruntime-node does not start: ${cause}` };
  }
}

/** The engines of Node, the preferred one first. */
export const nodeEngines = ['onnxruntime', 'wasm', 'cpu'] as const;

/**
 * Starts an engine by name. `auto` takes onnxruntime, or wasm where it is missing; the engine's `hint` then says how to
 * get it.
 *
 * @throws EngineError where the engine cannot start
 */
export async function openNodeEngine(name: string, options: { readonly threads?: number } = {}): Promise<Engine> {
  switch (name) {
    case 'auto':
    case 'onnxruntime': {
      const { ort, reason } = await loadOnnxRuntime();
      if (ort) return onnxEngine(ort, options);
      if (name === 'onnxruntime')
        throw new EngineError(`${reason}. Install it: ${howToInstall}. Or use the engine "wasm".`);
      return { ...(await tfjs('wasm')), hint: `${reason}, which is ten times faster: ${howToInstall}` };
    }
    case 'wasm':
    case 'cpu':
      return tfjs(name);
    default:
      throw new EngineError(unknownName('engine', name, ['auto', ...nodeEngines]));
  }
}

/** TensorFlow.js takes a third of a second to load, so only who uses it waits for it. */
async function tfjs(backend: 'wasm' | 'cpu'): Promise<Engine> {
  const { tfjsEngine } = await import('./tfjs/index.ts');
  return tfjsEngine(backend);
}
