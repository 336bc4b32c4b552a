import { type Command, Option } from 'commander';
import type { ArchName } from '../article/index.ts';
import type { Size } from '../node.ts';
import { heightByWidth } from './arguments.ts';
import { openTerminal } from './terminal.ts';

interface Options {
  readonly arch: ArchName;
  readonly size: Size;
  readonly json?: boolean;
}

const help = `
Examples:
  moganet ablate
  moganet ablate --arch s --size 256 --json

--json writes one document to stdout:
  { "arch", "size": { "height", "width" }, "ratios",
    "spatial": [{ "name", "config", "parameters", "flops", "added": { "parameters", "flops" } }],
    "channel": [the same with "ratio"], "whole": the same with "top1",
    "statements": [{ "text", "readings": [{ "name", "found": [{ "arch", "size", "added", "parametersFollow", "flopsFollow" }] }] }] }
  "config" is a backbone's configuration.`;

/** `moganet ablate`: counts the article's ablation. */
export function addAblateCommand(program: Command): void {
  program
    .command('ablate')
    .summary("count the steps of the article's ablation")
    .description(
      "Counts the networks of the MogaNet article's ablation, spatial and channel mixers step by step, and checks the article's two statements about their costs. Needs no weights.",
    )
    .addOption(
      new Option('--arch <arch>', 'the MogaNet to ablate')
        .choices(['xt', 't', 's', 'b', 'l', 'xl']) // repeated, so that the help needs no library
        .default('xt'),
    )
    .addOption(
      new Option('--size <HxW>', "height and width of the network's input, one number for a square")
        .argParser(heightByWidth)
        .default({ height: 224, width: 224 }, '224'),
    )
    .option('--json', 'one JSON document instead of text')
    .addHelpText('after', help)
    .action(async ({ arch, size, json }: Options) => {
      const { ablation, ablationText, articleStatements } = await import('../article/index.ts');
      const terminal = openTerminal();
      terminal.progress(0, 1, 'counting the networks');
      const counted = ablation(arch, size);
      const statements = articleStatements(size);
      const text = json ? JSON.stringify({ ...counted, statements }, null, 2) : ablationText(counted, statements);
      terminal.print(text);
    });
}
