import { EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { type OnnxRuntime, onnxEngine } from './onnx/engine.ts';

/** The runtime, or the reason why there is none. */
export type FoundRuntime =
  | { readonly ort: OnnxRuntime; readonly reason?: undefined }
  | { readonly ort?: undefined; readonly reason: string };

/** Skips the install script, which fetches files for GPUs; those for the CPU are in the package. */
export const howToInstall = 'npm install onnxruntime-node --ignore-scripts';

/**
 * Loads `onnxruntime-node` if it is installed and starts: npm leaves this optional dependency out if its install script
 * fails, and it has no binaries for some systems (musl).
 */
export async function loadOnnxRuntime(): Promise<FoundRuntime> {
  // by default it keeps a device id and a database of events in the user's cache; set the variable to 0 to allow that
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  // a bundle has no place of this module, or that of another machine
  const place = import.meta.url?.startsWith('file:') ? [import.meta.url] : [];
  for (const base of [...place, `${process.cwd()}/`, 'moganet']) {
    try {
      return { ort: requireFrom(base)('onnxruntime-node') };
    } catch (cause) {
      const missing = /^Cannot find module '(onnxruntime-node|moganet\/package\.json)'/.test((cause as Error).message);
      if (!missing) return { reason: `onnxruntime-node does not start: ${cause}` };
    }
  }
  return { reason: 'onnxruntime-node is not installed' };
}

/**
 * Returns Node's `require` of a file, a folder or an installed package. Bundlers do not see it, and so leave out the native
 * files of what it loads, which they cannot place.
 */
function requireFrom(base: string): NodeJS.Require {
  const { createRequire } = process.getBuiltinModule('node:module');
  const here = createRequire(`${process.cwd()}/`);
  return base === 'moganet' ? createRequire(here.resolve('moganet/package.json')) : createRequire(base);
}

/** The engines of Node, the preferred one first. */
export const nodeEngines = ['onnxruntime', 'wasm', 'cpu'] as const;

/**
 * Starts an engine by name. `auto` takes onnxruntime, or wasm if that is missing; the engine's `hint` then says how to get
 * it.
 *
 * @throws EngineError if the engine cannot start
 */
export async function openNodeEngine(
  name: string,
  options: { readonly threads?: number | undefined } = {},
): Promise<Engine> {
  switch (name) {
    case 'auto':
    case 'onnxruntime': {
      const { ort, reason } = await loadOnnxRuntime();
      if (ort) return onnxEngine(ort, options);
      if (name === 'onnxruntime') {
        throw new EngineError(`${reason}. Install it: ${howToInstall}. Or use the engine "wasm".`);
      }
      return { ...(await tfjs('wasm')), hint: `${reason}; it would be about ten times faster: ${howToInstall}` };
    }
    case 'wasm':
    case 'cpu':
      return tfjs(name);
    default:
      throw new EngineError(unknownName('engine', name, ['auto', ...nodeEngines]));
  }
}

/** Imported on demand: TensorFlow.js takes a third of a second to load. */
async function tfjs(backend: 'wasm' | 'cpu'): Promise<Engine> {
  const { tfjsEngine } = await import('./tfjs/engine.ts');
  return tfjsEngine(backend);
}
