/**
 * Checks types, rules and the package, then runs all tests: `npm test`. Without the package and the tests named
 * `*.slow.test.ts`: `npm run check`.
 *
 *     tsx scripts/test.ts [--quick]
 *
 * Test files run side by side, one per core. Those named `*.alone.test.ts` or `*.alone.slow.test.ts` have limits of
 * milliseconds, which a busy machine breaks: they run one after the other, at the end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism, constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { globSync } from 'tinyglobby';

const root = fileURLToPath(new URL('..', import.meta.url));
const windows = process.platform === 'win32';
const { quick } = parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;

const running = new Set<ChildProcess>();
let stopped: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stopped = signal;
    for (const child of running) child.kill(signal);
  });
}

/** Runs a command. Exits if a signal stopped it. @returns the exit code, and the output unless it is shown as it comes */
async function ended(
  command: string,
  words: readonly string[],
  shown: boolean,
): Promise<{ code: number; output: string }> {
  const shell = windows && command === 'npm';
  const child = spawn(command, words, { cwd: root, shell, stdio: shown ? 'inherit' : ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (...how) => resolve(how));
  });
  running.delete(child);
  const by = stopped ?? signal;
  if (by) process.exit(128 + constants.signals[by]);
  return { code: code ?? 1, output };
}

/** Runs scripts of package.json, up to the first that fails, and prints the output of each when it ends. */
async function passes(...scripts: readonly string[]): Promise<boolean> {
  for (const script of scripts) {
    const { code, output } = await ended('npm', ['run', '--silent', script], false);
    console.log(`npm run ${script}: ${code === 0 ? 'passed' : 'FAILED'}\n${output}`);
    if (code !== 0) return false;
  }
  return true;
}

/** Runs mocha. @returns how many tests failed */
async function failures(files: readonly string[], ...options: readonly string[]): Promise<number> {
  return (await ended(process.execPath, ['node_modules/mocha/bin/mocha.js', ...options, ...files], true)).code;
}

// the compiler uses one core
const checks = await Promise.all([passes('types'), passes('lint', ...(quick ? [] : ['check:package']))]);
if (checks.includes(false)) process.exit(1);

const slow = (file: string): boolean => file.endsWith('.slow.test.ts');
const alone = (file: string): boolean => /\.alone\.(slow\.)?test\.ts$/.test(file);
const files = globSync('test/**/*.test.ts', { cwd: root, ignore: quick ? ['**/*.slow.test.ts'] : [] }).sort();
// a long file that began last would keep one core waiting
files.sort((a, b) => Number(slow(b)) - Number(slow(a)));
// each process takes up to 2.5 GB
const jobs = Math.min(availableParallelism(), 4);
const sideBySide = await failures(
  files.filter((file) => !alone(file)),
  ...['--parallel', '--jobs', `${jobs}`],
);
const oneByOne = await failures(files.filter(alone));
if (sideBySide + oneByOne > 0) {
  console.error(`FAILED: ${sideBySide} of the tests side by side, ${oneByOne} of those one by one. See above.`);
  process.exitCode = 1;
}
