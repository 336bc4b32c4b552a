import type { Command } from 'commander';
import type { Size } from '../node.ts';
import { addWeightsOptions, heightByWidth, wholeNumber } from './arguments.ts';
import { endingAtOnce } from './failure.ts';
import { type CheckpointOptions, chooseConfig } from './model.ts';
import { openTerminal } from './terminal.ts';

const help = `
Examples:
  moganet summary moganet_xt
  moganet summary mask_rcnn_moganet_xt_fpn_1x_coco --size 800x1280 --depth 3`;

interface Options extends CheckpointOptions {
  readonly size?: Size;
  readonly depth?: number;
}

/** `moganet summary`: lists the modules of a model with shapes and costs. */
export function addSummaryCommand(program: Command): void {
  const command = program
    .command('summary')
    .summary('show the modules of a model: shapes, parameters, multiply-adds')
    .description(
      'Shows the modules of a model: output shapes, parameters, multiply-adds, and totals by the published rules. Needs no weights.',
    )
    .argument('<model>', 'a name (see `moganet models`), a config.json or a checkpoint')
    .option(
      '--size <HxW>',
      "height and width of the network's input, one number for a square (default: those of the published figures)",
      heightByWidth,
    )
    .option('--depth <n>', 'depth to which modules are listed', wholeNumber);
  addWeightsOptions(command)
    .addHelpText('after', help)
    .action(async (model: string, { size, depth, ...weights }: Options) => {
      const library = await import('../node.ts');
      const config = await endingAtOnce(() => chooseConfig(library, model, weights));
      openTerminal().print(library.modelSummary(config, { size, depth }));
    });
}
