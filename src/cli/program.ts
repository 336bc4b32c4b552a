import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { nearestName } from '../errors.ts';
import { addAblateCommand } from './ablate.ts';
import { addBrowseCommand } from './browse.ts';
import { addCheckDataCommand } from './check_data.ts';
import { addCompareCommand } from './compare.ts';
import { addConfigCommand } from './config.ts';
import { addConvertCommand } from './convert.ts';
import { addDemoCommand } from './demo.ts';
import { addEvaluateCommand } from './evaluate.ts';
import { addExportCommand } from './export.ts';
import { exitCodeOf, exitCodes, exitCodesHelp, shortExitCodesHelp, UsageError } from './failure.ts';
import { addModelsCommand } from './models.ts';
import { refuseEmpty, refuseRepeated } from './once.ts';
import { addPredictCommands } from './predict.ts';
import { addPullCommand } from './pull.ts';
import { addSummaryCommand } from './summary.ts';
import { openTerminal } from './terminal.ts';
import { addVerifyCommand } from './verify.ts';
import { addWebCommand } from './web.ts';
import { runs, worded } from './words.ts';

/** The command line. A command loads the library only when it runs, so that help appears at once. */

const examples = `Examples:
  moganet demo
  moganet predict photo.jpg
  moganet predict holiday/ --json > results.json
  moganet summary mask_rcnn_moganet_xt_fpn_1x_coco

\`moganet predict --help\` says how to use the classes of COCO, ADE20K and ImageNet.`;

/** In the order of the help. */
const commands: readonly ((program: Command, end: (code: number) => void) => void)[] = [
  addDemoCommand,
  addPredictCommands,
  addEvaluateCommand,
  addCompareCommand,
  addModelsCommand,
  addPullCommand,
  addSummaryCommand,
  addAblateCommand,
  addConfigCommand,
  addConvertCommand,
  addExportCommand,
  addCheckDataCommand,
  addBrowseCommand,
  addVerifyCommand,
  addWebCommand,
];

/**
 * Runs one command line.
 *
 * @param words what follows the program's name
 * @returns the exit code; errors have been printed
 */
export async function run(words: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.good;
  runs(undefined);
  const program = commandLine((code) => {
    exitCode = code;
  });
  try {
    checkHelp(program, words);
    await program.parseAsync([...words], { from: 'user' });
    return exitCode;
  } catch (error) {
    return explain(error);
  }
}

/** The commands that say themselves what their exit codes mean. */
const withOwnCodes: readonly string[] = [
  'predict',
  'detect',
  'segment',
  'classify',
  'pose',
  'evaluate',
  'verify',
  'check-data',
  'compare',
];

/** @param end is told the exit code of a command that ends without an error */
export function commandLine(end: (code: number) => void): Command {
  const program = new Command('moganet')
    .description(
      'Detects instances, segments and classifies images, and finds poses, with MogaNet and the official PyTorch weights.',
    )
    .version(createRequire(import.meta.url)('moganet/package.json').version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 110, 110) })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withRemedy(withDashHint(text))) })
    .addHelpText('after', `\n${examples}\n\n${exitCodesHelp}`)
    .hook('preAction', (_, command) => runs(command));
  for (const add of commands) add(program, end);
  for (const command of program.commands) {
    command.helpOption('-h, --help', 'show help');
    refuseEmpty(command);
    refuseRepeated(command);
    if (!withOwnCodes.includes(command.name())) command.addHelpText('after', `\n${shortExitCodesHelp}`);
  }
  return program;
}

/** Commander shows the general help for a command that does not exist. */
function checkHelp(program: Command, [first, asked]: readonly string[]): void {
  if (first !== 'help' || asked === undefined || asked === 'help' || asked.startsWith('-')) return;
  const names = program.commands.map((command) => command.name());
  if (names.includes(asked)) return;
  const near = nearestName(asked, names);
  throw new UsageError(
    `unknown command "${asked}".${near ? ` Did you mean "${near}"?` : ''} \`moganet help\` lists the commands.`,
  );
}

/** A shell's pattern may expand to a file whose name looks like an option. */
function withDashHint(text: string): string {
  const file = /^error: unknown option '(-.+)'/.exec(text)?.[1];
  if (file === undefined || !existsSync(file)) return text;
  return `error: ${file} is read as an option. For the file of that name, write ./${file}, or -- before all files.\n`;
}

/** Says what to do about errors of commander that only say what is wrong. */
function withRemedy(text: string): string {
  const line = text.trimEnd();
  if (/^error: unknown command '[^\n]*'$/.test(line)) return `${line}. \`moganet help\` lists the commands.\n`;
  if (/^error: (missing required argument|required option) /.test(line)) {
    return `${line}. --help says what the command takes.\n`;
  }
  return text;
}

/** Prints an error: one line if the user can mend it, the stack if we must. */
function explain(error: unknown): number {
  // commander has printed its errors, and help and version that were asked for
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.good : exitCodes.usage;
  const terminal = openTerminal();
  const code = exitCodeOf(error);
  const stack = code === undefined ? error instanceof Error && error.stack : undefined;
  const text = stack || worded(error instanceof Error ? error.message : String(error));
  terminal.complain(`${terminal.colors.red('error:')} ${text}`);
  return code ?? exitCodes.failure;
}
