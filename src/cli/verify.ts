import { type Command, Option } from 'commander';
import { duration } from './arguments.ts';
import { endingAtOnce, exitCodes } from './failure.ts';
import { openTerminal, type Terminal } from './terminal.ts';

type EngineCheck = import('../node.ts').EngineCheck;

interface Options {
  readonly engine?: string;
  readonly json?: boolean;
}

/** Takes minutes on a photo. */
const slow = 'cpu';

const help = `
Each engine runs a small MogaNet whose outputs PyTorch has computed in double precision, and the demo model on a shipped
photo, whose boxes and labels are held to the reference's. The engine cpu, which is there for tests, runs the photo only
where it is asked for by name.

Examples:
  moganet verify
  moganet verify --engine wasm
  moganet verify --json > engines.json

Exit codes: 0 every engine that is here agrees, 1 one does not, or none or the named one is here, 2 wrong usage.`;

/** `moganet verify`: whether this machine's engines compute what PyTorch does. */
export function addVerifyCommand(program: Command, end: (code: number) => void): void {
  program
    .command('verify')
    .summary("hold this machine's engines to shipped numbers of PyTorch")
    .description("Holds this machine's engines to shipped numbers of PyTorch: largest error, detections, labels, time.")
    .addOption(new Option('-e, --engine <engine>', 'only this one').choices(['onnxruntime', 'wasm', 'cpu']))
    .option('--json', 'results as JSON on stdout')
    .addHelpText('after', help)
    .action(async ({ engine, json = false }: Options) => {
      const terminal = openTerminal({ results: json ? 'stderr' : 'stdout' });
      const library = await import('../node.ts');
      const wanted: readonly string[] = engine === undefined ? library.nodeEngines : [engine];
      const checks = await endingAtOnce(() =>
        library.verify({
          engines: wanted,
          image: (name) => name !== slow || engine === slow,
          onProgress: (name, what) => terminal.progress(wanted.indexOf(name), wanted.length, `${name}: ${what}`),
        }),
      );
      terminal.settle();
      if (json) process.stdout.write(`${JSON.stringify({ moganet: library.version, engines: checks }, null, 2)}\n`);
      else for (const check of checks) for (const line of linesOf(check, terminal)) terminal.print(line);
      end(passed(checks, engine !== undefined) ? exitCodes.good : exitCodes.failure);
    });
}

/** An engine that is not here fails only who asked for it by name, or has no other. */
function passed(checks: readonly EngineCheck[], named: boolean): boolean {
  const here = checks.filter(({ status }) => status !== 'unavailable');
  return (
    here.length > 0 && here.every(({ status }) => status === 'passed') && (!named || here.length === checks.length)
  );
}

function linesOf({ engine, status, detail, reason, numbers, image }: EngineCheck, { colors }: Terminal): string[] {
  const color = { passed: colors.green, failed: colors.red, unavailable: colors.yellow }[status];
  const lines = [`${colors.bold(engine)}${detail ? ` (${detail})` : ''}: ${color(status)}`];
  if (reason) lines.push(`  ${reason}`);
  if (numbers) {
    const { maxError, tolerance, output, milliseconds } = numbers;
    lines.push(
      `  small MogaNet: error ${maxError.toExponential(1)} in ${output}, tolerance ${tolerance.toExponential(1)} ` +
        colors.dim(`(${duration(milliseconds)})`),
    );
  }
  if (image) {
    const { expected, found, additional, pixels, differentPixels, milliseconds } = image;
    const agreement = ((100 * (pixels - differentPixels)) / pixels).toFixed(2);
    lines.push(
      `  ${image.file}: ${found} of ${expected} detections${additional > 0 ? ` and ${additional} more` : ''}, ` +
        `${agreement} % of the labels ${colors.dim(`(${duration(milliseconds)})`)}`,
    );
  } else if (numbers && status === 'passed') {
    lines.push(colors.dim(`  the photo takes minutes here: moganet verify --engine ${engine}`));
  }
  return lines;
}
