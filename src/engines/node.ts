import { EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { onnxEngine } from './onnx/engine.ts';
import { howToInstall, loadOnnxRuntime } from './onnx/node.ts';

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
