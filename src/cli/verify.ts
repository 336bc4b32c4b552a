import { type Command, Option } from 'commander';
import type { EngineCheck } from '../node.ts';
import { endingAtOnce, exitCodes } from './failure.ts';
import { duration, openTerminal, type Terminal } from './terminal.ts';

interface Options {
  readonly engine?: string;
  readonly json?: boolean;
}

/** The engine that takes minutes for an image. */
const slow = 'cpu';

const help = `
Each engine runs a small MogaNet whose outputs PyTorch has computed in double precision, the demo model on a shipped
image, whose boxes and labels must match the reference's, and a pose model, whose keypoints must. The engine cpu, made for
tests, runs the images only with --engine cpu.

Examples:
  moganet verify
  moganet verify --engine wasm
  moganet verify --json > engines.json

Exit codes: 0 every engine that starts agrees, 1 one does not, or none or the named one starts, 2 wrong call.`;

/** `moganet verify`: compares this machine's engines with PyTorch. */
export function addVerifyCommand(program: Command, end: (code: number) => void): void {
  program
    .command('verify')
    .summary("compare this machine's engines with shipped results of PyTorch")
    .description(
      "Compares this machine's engines with shipped results of PyTorch: largest error, instances, labels, keypoints, time.",
    )
    .addOption(
      new Option('-e, --engine <engine>', 'only this one').choices([
        'onnxruntime',
        'webgpu',
        'ort-wasm',
        'wasm',
        'cpu',
      ]),
    )
    .option('--json', 'results as JSON on stdout')
    .addHelpText('after', help)
    .action(async ({ engine, json }: Options) => {
      const terminal = openTerminal({ results: json ? 'stderr' : 'stdout' });
      const library = await import('../node.ts');
      const engines: readonly string[] = engine === undefined ? library.nodeEngines : [engine];
      const checks = await endingAtOnce(() =>
        library.verify({
          engines,
          image: (name) => name !== slow || engine === slow,
          onProgress: (name, what) => terminal.progress(engines.indexOf(name), engines.length, `${name}: ${what}`),
        }),
      );
      terminal.settle();
      if (json) process.stdout.write(`${JSON.stringify({ moganet: library.version, engines: checks }, null, 2)}\n`);
      else for (const check of checks) terminal.print(linesOf(check, terminal).join('\n'));
      end(passed(checks, engine !== undefined) ? exitCodes.good : exitCodes.failure);
    });
}

/** An engine that does not start is a failure if it was asked for by name, or if there is no other. */
function passed(checks: readonly EngineCheck[], named: boolean): boolean {
  const available = checks.filter(({ status }) => status !== 'unsupported');
  if (available.length === 0 || (named && available.length < checks.length)) return false;
  return available.every(({ status }) => status === 'passed');
}

function linesOf(
  { engine, status, detail, reason, numbers, image, poses }: EngineCheck,
  { colors }: Terminal,
): string[] {
  const { bold, dim, green, red, yellow } = colors;
  const color = status === 'passed' ? green : status === 'failed' ? red : yellow;
  const lines = [`${bold(engine)}${detail ? ` (${detail})` : ''}: ${color(status)}`];
  if (reason) lines.push(`  ${reason}`);
  if (numbers) {
    const { maxError, tolerance, output, milliseconds } = numbers;
    const error = `error ${maxError.toExponential(1)} in ${output}, tolerance ${tolerance.toExponential(1)}`;
    lines.push(`  small MogaNet: ${error} ${dim(`(${duration(milliseconds)})`)}`);
  }
  if (image) {
    const { expected, found, additional, pixels, differentPixels, milliseconds } = image;
    const instances = `${found} of ${expected} instances${additional > 0 ? ` and ${additional} more` : ''}`;
    const agreement = ((100 * (pixels - differentPixels)) / pixels).toFixed(2);
    lines.push(`  ${image.file}: ${instances}, ${agreement} % of the labels ${dim(`(${duration(milliseconds)})`)}`);
  } else if (numbers && status === 'passed') {
    lines.push(dim(`  the images take minutes on this engine: moganet verify --engine ${engine}`));
  }
  if (poses) {
    const { file, expected, found, maxDistance, milliseconds } = poses;
    const distance = `off by at most ${maxDistance.toExponential(1)} pixels`;
    lines.push(`  ${file}: ${found} of ${expected} keypoints, ${distance} ${dim(`(${duration(milliseconds)})`)}`);
  }
  return lines;
}
