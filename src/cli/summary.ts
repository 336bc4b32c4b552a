import type { Command } from 'commander';
import { heightByWidth, wholeNumber } from './arguments.ts';
import { chooseConfig } from './model.ts';
import { openTerminal } from './terminal.ts';

interface Options {
  readonly size?: { height: number; width: number };
  readonly depth?: number;
}

/** `moganet summary`: what a model is made of. */
export function addSummaryCommand(program: Command, end: (code: number) => void): void {
  program
    .command('summary')
    .summary('show the parts of a model: shapes, parameters, multiply-adds')
    .description(
      'Shows the parts of a model: output shapes, parameters, multiply-adds, and totals by the published rules. Needs no weights.',
    )
    .argument('<model>', 'a name (see `moganet models`), a config.json or a checkpoint')
    .option(
      '--size <HxW>',
      "height and width of the network's input (default: that of the published figures)",
      heightByWidth,
    )
    .option('--depth <n>', 'how deep modules are listed', wholeNumber)
    .addHelpText(
      'after',
      '\nExamples:\n  moganet summary moganet_xt\n  moganet summary mask_rcnn_moganet_xt_fpn_1x_coco --size 800x1280 --depth 3',
    )
    .action(async (model: string, options: Options) => {
      const library = await import('../node.ts');
      openTerminal().print(library.modelSummary(await chooseConfig(library, model), options));
      end(0);
    });
}
