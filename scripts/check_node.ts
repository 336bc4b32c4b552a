/**
 * Runs the quick tests, the demo and the installed package on the supported versions of Node:
 *
 *     tsx scripts/check_node.ts [--node 20,22,24,26]
 *
 * The version that runs this script is used as it is. The others are installed by npm into `out/node`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { packed } from './pack.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'out/node');
const windows = process.platform === 'win32';

const checks = {
  'quick tests': ['node_modules/mocha/bin/mocha.js', 'test/**/*.test.ts', '--ignore', 'test/**/*.slow.test.ts'],
  demo: ['--import', 'tsx', 'src/cli/main.ts', 'demo', '--out', 'out/node/demo'],
  'installed package': ['node_modules/mocha/bin/mocha.js', 'test/package/installed.slow.test.ts'],
} as const;

/** Returns the path of a Node of that major version. */
function nodeOf(major: string): string {
  if (process.version.startsWith(`v${major}.`)) return process.execPath;
  const alias = join(folder, 'node_modules', `node${major}`);
  const node = windows ? join(alias, 'bin/node.exe') : join(alias, 'bin/node');
  if (existsSync(node)) return node;
  mkdirSync(folder, { recursive: true });
  const system = windows ? 'win' : process.platform;
  const words = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', [...words, `node${major}@npm:node-${system}-${process.arch}@${major}`], process.env);
  return node;
}

interface Ended {
  readonly ok: boolean;
  readonly output: string;
}

function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Ended {
  const { status, stdout, stderr, error } = spawnSync(command, words, {
    cwd: root,
    encoding: 'utf8',
    env,
    maxBuffer: 1e9,
    shell: windows && command === 'npm',
  });
  return { ok: status === 0, output: `${stdout ?? ''}${stderr ?? ''}${error ? `${error}\n` : ''}` };
}

const { values } = parseArgs({ options: { node: { type: 'string', default: '20,22,24,26' } } });
packed(); // once, by the Node that runs this
let failed = 0;
for (const major of values.node.split(',')) {
  const node = nodeOf(major);
  // processes that the tests start use the same Node, also through npm and npx
  const env = { ...process.env, NO_COLOR: '1', PATH: `${dirname(node)}${delimiter}${process.env.PATH}` };
  const version = run(node, ['--version'], env);
  if (!version.ok) throw new Error(`Node ${major} cannot be run as ${node}: ${version.output}`);
  for (const [name, words] of Object.entries(checks)) {
    const start = performance.now();
    const { ok, output } = run(node, words, env);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    const counts = [...output.matchAll(/^ +(\d+ (?:passing|failing|pending))/gm)].map(([, count]) => count);
    console.log([version.output.trim(), name, ok ? 'ok' : 'FAILED', ...counts, `${seconds} s`].join('  '));
    if (!ok) {
      failed++;
      console.log(output);
    }
  }
}
console.log(failed === 0 ? 'all good' : `${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
