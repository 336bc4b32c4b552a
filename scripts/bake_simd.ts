import { fileURLToPath } from 'node:url';
import { compileAssembly, writeModule } from './assembly.ts';

/**
 * Writes `src/engines/tfjs/simd.data.ts`: the kernels of `assembly/simd.ts` as WebAssembly in base64. Run it after a change
 * of theirs; `test/engines/simd.test.ts` compares the two:
 *
 *     npx tsx scripts/bake_simd.ts
 */

/** Compiles the kernels. They import a memory of up to 4 GB. */
export const compileSimd = (): Promise<Uint8Array> =>
  compileAssembly('simd', ['--importMemory', '--initialMemory', '1', '--maximumMemory', '65536']);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = new URL('../src/engines/tfjs/simd.data.ts', import.meta.url);
  writeModule(
    target,
    'simdModule',
    'The kernels of assembly/simd.ts, written by scripts/bake_simd.ts',
    await compileSimd(),
  );
}
