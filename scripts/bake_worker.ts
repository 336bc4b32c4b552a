import { writeFileSync } from 'node:fs';
import { bakedWorker } from '../test/harness/baked_worker.ts';

/**
 * Writes `src/engines/onnx_worker/code.data.ts`: the code of onnxruntime's thread as text. Run it after a change of `main.ts` beside it;
 * `test/engines/onnx_worker.test.ts` compares the two:
 *
 *     npx tsx scripts/bake_worker.ts
 */

const target = new URL('../src/engines/onnx_worker/code.data.ts', import.meta.url);
writeFileSync(target, await bakedWorker());
console.log(target.pathname);
