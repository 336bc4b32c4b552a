import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './contenders.ts';

/** The package as it is published: cold starts and memory are those of Node alone, without a compiler of TypeScript. */

let isBuilt = false;

/** Builds `dist/`, once per run. */
export function builtPackage(): void {
  if (isBuilt) return;
  console.log('building the package …');
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  isBuilt = true;
}

export const builtCli = join(root, 'dist/src/cli/main.js');

/** Bundles a program of this folder for plain Node, on the built package, and returns its file. */
export async function builtProgram(file: string): Promise<string> {
  builtPackage();
  const folder = join(root, 'out/bench');
  mkdirSync(folder, { recursive: true });
  const outfile = join(folder, `${file}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'bench', `${file}.ts`)],
    bundle: true,
    packages: 'external', // so that `moganet` is what package.json exports
    platform: 'node',
    format: 'esm',
    target: 'node20',
    outfile,
    logLevel: 'error',
  });
  return outfile;
}
