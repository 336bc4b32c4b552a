import { type Command, Option } from 'commander';
import { heightByWidth } from './arguments.ts';
import { openTerminal } from './terminal.ts';

type ArchName = import('../article/index.ts').ArchName;

interface Options {
  readonly arch: ArchName;
  readonly size: { height: number; width: number };
  readonly json?: boolean;
}

const jsonHelp = `--json writes one document to stdout:
  { "arch", "size": { "height", "width" }, "ratios",
    "spatial": [{ "name", "config", "parameters", "flops", "added": { "parameters", "flops" } }],
    "channel": [the same with "ratio"], "whole": the same with "top1",
    "statements": [{ "text", "readings": [{ "name", "found": [{ "arch", "size", "added", "parametersFollow", "flopsFollow" }] }] }] }
  "config" is a backbone's configuration.`;

/** `moganet ablate`: the article's ablation, counted. */
export function addAblateCommand(program: Command, end: (code: number) => void): void {
  program
    .command('ablate')
    .summary("count the steps of the article's ablation")
    .description(
      "Counts the networks of the MogaNet article's ablation, spatial mixers and channel mixers step by step, and says where the article's two statements about their costs follow. Needs no weights.",
    )
    // the names stand here as well, so that the help needs no library
    .addOption(
      new Option('--arch <arch>', 'the MogaNet that is ablated')
        .choices(['xt', 't', 's', 'b', 'l', 'xl'])
        .default('xt'),
    )
    .addOption(
      new Option('--size <HxW>', "height and width of the network's input")
        .argParser(heightByWidth)
        .default({ height: 224, width: 224 }, '224'),
    )
    .option('--json', 'one JSON document instead of text')
    .addHelpText('after', `\nExamples:\n  moganet ablate\n  moganet ablate --arch s --size 256 --json\n\n${jsonHelp}`)
    .action(async ({ arch, size, json }: Options) => {
      const { ablation, ablationText, articleStatements } = await import('../article/index.ts');
      const counted = ablation(arch, size);
      const statements = articleStatements(size);
      const text = json ? JSON.stringify({ ...counted, statements }, null, 2) : ablationText(counted, statements);
      openTerminal().print(text);
      end(0);
    });
}
