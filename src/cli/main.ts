#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Command, CommanderError } from 'commander';
import { nearestName } from '../errors.ts';
import { addAblateCommand } from './ablate.ts';
import { addClassifyCommand } from './classify.ts';
import { addConfigCommand } from './config.ts';
import { addConvertCommand } from './convert.ts';
import { addDemoCommand } from './demo.ts';
import { addExportCommand } from './export.ts';
import { endOnSignals, exitCodes, exitCodesHelp, UsageError } from './failure.ts';
import { addModelsCommand } from './models.ts';
import { OutputError, removeUnfinished } from './outputs.ts';
import { addPredictCommands } from './predict.ts';
import { addPullCommand } from './pull.ts';
import { addSummaryCommand } from './summary.ts';
import { openTerminal, watchStandardStreams } from './terminal.ts';
import { addVerifyCommand } from './verify.ts';

/** The command line. Each command loads the library only when it runs, so that the help is there at once. */

const examples = `Examples:
  moganet demo
  moganet predict photo.jpg
  moganet predict holiday/ --json > results.json
  moganet summary mask_rcnn_moganet_xt_fpn_1x_coco

\`moganet predict --help\` says how to use the 80 classes of COCO or the 150 of ADE20K.`;

watchStandardStreams(removeUnfinished);
endOnSignals(removeUnfinished);
process.exitCode = await run(process.argv);

async function run(words: readonly string[]): Promise<number> {
  let exitCode: number = exitCodes.good;
  const end = (code: number) => {
    exitCode = code;
  };
  const program = new Command('moganet')
    .description(
      'Objects, instance masks and semantic maps from photos, with MogaNet and the official PyTorch weights.',
    )
    .version(createRequire(import.meta.url)('moganet/package.json').version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .configureHelp({ helpWidth: Math.min(process.stdout.columns ?? 110, 110) })
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(withDashHint(text)) })
    .addHelpText('after', `\n${examples}\n\n${exitCodesHelp}`);
  addDemoCommand(program, end);
  addPredictCommands(program, end);
  addClassifyCommand(program, end);
  addModelsCommand(program, end);
  addPullCommand(program, end);
  addSummaryCommand(program, end);
  addAblateCommand(program, end);
  addConfigCommand(program, end);
  addConvertCommand(program, end);
  addExportCommand(program, end);
  addVerifyCommand(program, end);
  for (const command of program.commands) command.helpOption('-h, --help', 'show help').showHelpAfterError(false);
  const [, , first, asked] = words;
  if (first === 'help' && asked !== undefined && !isCommand(program, asked)) {
    const near = nearestName(
      asked,
      program.commands.map((command) => command.name()),
    );
    return await explain(
      new UsageError(
        `there is no command "${asked}".${near ? ` Did you mean "${near}"?` : ''} \`moganet help\` lists them.`,
      ),
    );
  }
  try {
    await program.parseAsync([...words]);
    return exitCode;
  } catch (error) {
    return await explain(error);
  }
}

function isCommand(program: Command, name: string): boolean {
  return name === 'help' || name.startsWith('-') || program.commands.some((command) => command.name() === name);
}

/** A pattern of the shell may give a file whose name looks like an option. */
function withDashHint(text: string): string {
  const file = /^error: unknown option '(-.+)'/.exec(text)?.[1];
  if (file === undefined || !existsSync(file)) return text;
  return `error: ${file} is taken for an option. If the file of that name is meant, write ./${file}, or -- before all files.\n`;
}

/** Says what went wrong in one line where it is the user's to mend, with a stack where it is ours. */
async function explain(error: unknown): Promise<number> {
  // commander has said it; asked-for help and version are no errors
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.good : exitCodes.usage;
  const terminal = openTerminal();
  const say = (text: string) => terminal.complain(`${terminal.colors.red('error:')} ${text}`);
  if (error instanceof UsageError) {
    say(error.message);
    return exitCodes.usage;
  }
  const { MoganetError } = await import('../node.ts');
  const expected = error instanceof OutputError || error instanceof MoganetError;
  say(expected ? error.message : error instanceof Error ? (error.stack ?? error.message) : String(error));
  return exitCodes.failure;
}
