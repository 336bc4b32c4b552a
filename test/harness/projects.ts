import { execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { packed } from '../../scripts/pack.ts';

/**
 * Projects that have the packed package in `node_modules`. Their folder lies in this repository, whose `node_modules` have the
 * tools and what the package depends on.
 */

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Empties a folder of `out/`, and installs the package for the projects that are put there. Returns its path. */
export function projectsFolder(name: string): string {
  const folder = join(root, 'out', name);
  const installed = join(folder, 'node_modules/moganet');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  execFileSync('tar', ['-xzf', packed(), '-C', installed, '--strip-components=1']);
  // else `moganet` would mean this repository, by its name and by the paths of its tsconfig.json
  writeFileSync(join(folder, 'package.json'), '{ "name": "projects", "private": true }\n');
  writeFileSync(join(folder, 'tsconfig.json'), '{}\n');
  return folder;
}

const optionsIn = (project: string) => ({
  cwd: project,
  env: { ...process.env, NEXT_TELEMETRY_DISABLED: '1', NO_COLOR: '1', NODE_ENV: 'production' as const },
});

/** Runs a script of Node, which may be a tool: `tool('vite/bin/vite.js')`. Returns what it printed. */
export function run(project: string, script: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...words], {
    ...optionsIn(project),
    encoding: 'utf8',
  });
  expect(status, `${stdout}${stderr}`).to.equal(0);
  return stdout + stderr;
}

/** Returns the path of a tool's script. */
export const tool = (path: string): string => join(root, 'node_modules', path);

/** Starts the server of a project of Next.js at a free port. */
export async function startNext(project: string): Promise<{ readonly url: string; stop(): void }> {
  const words = [tool('next/dist/bin/next'), 'start', '-p', '0', '-H', '127.0.0.1'];
  const server = spawn(process.execPath, words, { ...optionsIn(project), stdio: 'pipe' } satisfies SpawnOptions);
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    server.on('exit', () => reject(new Error(output)));
    for (const stream of [server.stdout, server.stderr]) {
      stream.on('data', (text: Buffer) => {
        output += text;
        const found = /Local:\s+(http:\S+)[\s\S]*Ready/.exec(output)?.[1];
        if (found) resolve(`${found}/`);
      });
    }
  });
  return { url, stop: () => server.kill('SIGKILL') };
}
