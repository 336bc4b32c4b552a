import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

/** Compiles the modules of `assembly/` and writes them as text, so that no bundler and no server has to know about a file. */

const root = fileURLToPath(new URL('..', import.meta.url));

/** Compiles a module of `assembly/`. It brings no data of its own. @param memory options of its memory */
export async function compileAssembly(name: string, memory: readonly string[]): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined;
  const { error, stderr } = await asc.main(
    [
      `assembly/${name}.ts`,
      ...['--outFile', 'module.wasm', '--baseDir', root, '--enable', 'simd', '--runtime', 'stub', '-O3', '--noAssert'],
      ...memory,
    ],
    {
      writeFile: (file, contents) => {
        if (file === 'module.wasm' && typeof contents !== 'string') bytes = contents;
      },
    },
  );
  if (error || !bytes) throw new Error(`${error?.message ?? 'no output'}\n${stderr}`);
  return bytes;
}

/** Writes a module in base64. @param what it is, as the comment says it */
export function writeModule(target: URL, constant: string, what: string, wasm: Uint8Array): void {
  writeFileSync(
    target,
    `/** ${what}: do not edit. ${wasm.length} bytes in base64. */

export const ${constant} =
  '${Buffer.from(wasm).toString('base64')}';
`,
  );
  console.log(`${wasm.length} bytes -> ${target.pathname}`);
}
