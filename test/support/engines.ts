import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { loadOnnxRuntime } from '../../src/engines/onnx/node.ts';
import { tfjsEngine } from '../../src/engines/tfjs/index.ts';
import type { Engine } from '../../src/nn/index.ts';

/** The engines that tests loop over: each starts, or says why it cannot here. */
export const engines: Readonly<Record<string, () => Promise<Engine | string>>> = {
  cpu: () => tfjsEngine('cpu'),
  wasm: () => tfjsEngine('wasm'),
  onnxruntime: async () => {
    const { ort, reason } = await loadOnnxRuntime();
    return ort ? onnxEngine(ort, { threads: 1 }) : reason;
  },
};
