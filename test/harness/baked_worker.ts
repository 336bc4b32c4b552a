import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Returns the file `src/engines/onnx_worker/code.data.ts` as it follows from `main.ts`. */
export async function bakedWorker(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('../../src/engines/onnx_worker/main.ts', import.meta.url))],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    logLevel: 'silent',
  });
  const code = outputFiles[0]?.text ?? '';
  const text = code.replaceAll(/^\s*\/\/.*\n/gm, '').replaceAll(/[\\`$]/g, '\\$&');
  return `/** The code of main.ts, written by scripts/bake_worker.ts: do not edit. */\nexport const code = \`${text}\`;\n`;
}
