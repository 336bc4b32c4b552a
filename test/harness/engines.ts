import type { Named, NDArray } from '../../src/arrays.ts';
import { startOnnxRuntime, startOrtWeb } from '../../src/engines/node.ts';
import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { ortWasmInThread } from '../../src/engines/onnx/web.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import type { DeviceTensor, Engine, Runner } from '../../src/nn/index.ts';

/** The engines that tests loop over: each starts, or returns the reason why it cannot. */
export const engines: Readonly<Record<string, () => Promise<Engine | string>>> = {
  cpu: () => tfjsEngine('cpu'),
  wasm: () => tfjsEngine('wasm'),
  onnxruntime: async () => {
    const { ort, reason } = await startOnnxRuntime();
    return ort ? onnxEngine(ort, { threads: 1 }) : reason;
  },
  'ort-wasm': async () => {
    const { ort, reason } = await startOrtWeb();
    return ort ? ortWasmInThread(ort) : reason;
  },
};

/**
 * Starts an engine before the tests of one `describe` and disposes it after them. If it cannot start, the tests are
 * skipped with the reason.
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
      return started as Engine; // tests run only if there is one
    },
  };
}

/** Runs a program and returns the outputs of these names. @throws RangeError if the program has no such output */
export async function namedOutputs<Output extends string>(
  runner: Pick<Runner, 'run'>,
  inputs: Named<NDArray | DeviceTensor>,
  ...names: readonly Output[]
): Promise<Readonly<Record<Output, DeviceTensor>>> {
  const outputs = await runner.run(inputs);
  for (const name of names) if (!outputs[name]) throw new RangeError(`the program has no output "${name}"`);
  return outputs as Readonly<Record<Output, DeviceTensor>>;
}
