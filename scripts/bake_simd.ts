import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/**
 * Writes `src/engines/tfjs/simd.data.ts`: the kernels of `assembly/simd.ts` as WebAssembly in base64. Run it after a change
 * of theirs; `test/engines/simd.test.ts` compares the two:
 *
 *     npx tsx scripts/bake_simd.ts
 */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Compiles the kernels. They import a memory of up to 4 GB and bring no data of their own. */
export async function compileSimd(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      'assembly/simd.ts',
      ...['--outFile', 'simd.wasm', '--baseDir', root, '--enable', 'simd', '--runtime', 'stub', '-O3', '--noAssert'],
      ...['--importMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
    ],
    {
      writeFile: (name, contents) => {
        if (name === 'simd.wasm' && typeof contents !== 'string') bytes = contents;
      },
    },
  );
  if (error || !bytes) throw new Error(`${error?.message ?? 'no output'}\n${stderr}`);
  return bytes;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wasm = await compileSimd();
  const target = new URL('../src/engines/tfjs/simd.data.ts', import.meta.url);
  writeFileSync(
    target,
    `/** The kernels of assembly/simd.ts, written by scripts/bake_simd.ts: do not edit. ${wasm.length} bytes in base64. */

export const simdModule =
  '${Buffer.from(wasm).toString('base64')}';
`,
  );
  console.log(`${wasm.length} bytes -> ${target.pathname}`);
}
