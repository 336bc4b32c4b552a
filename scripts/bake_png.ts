import { fileURLToPath } from 'node:url';
import { compileAssembly, writeModule } from './assembly.ts';

/**
 * Writes `src/formats/png_rows.data.ts`: the loops of `assembly/png.ts` as WebAssembly in base64. Run it after a change of theirs;
 * `test/formats/png_rows.test.ts` compares the two:
 *
 *     npx tsx scripts/bake_png.ts
 */

/** Compiles the loops. They have a memory of their own. */
export const compilePng = (): Promise<Uint8Array> =>
  compileAssembly('png', ['--initialMemory', '1', '--maximumMemory', '65536']);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const target = new URL('../src/formats/png_rows.data.ts', import.meta.url);
  writeModule(target, 'pngModule', 'The loops of assembly/png.ts, written by scripts/bake_png.ts', await compilePng());
}
