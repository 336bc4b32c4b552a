import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
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

/**
 * An engine for the tests of one `describe`, started before them and disposed after. Where it is not here they are skipped
 * with the reason.
 */
export function useEngine(start: () => Promise<Engine | string>): { readonly engine: Engine } {
  let started: Engine | string | undefined;
  before(async function () {
    started = await start();
    if (typeof started === 'string') {
      console.log(`      skipped: ${started}`);
      this.skip();
    }
  });
  after(() => (typeof started === 'object' ? started.dispose() : undefined));
  return {
    get engine() {
      return started as Engine; // tests run only where there is one
    },
  };
}
