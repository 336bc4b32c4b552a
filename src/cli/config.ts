import type { Command } from 'commander';
import { addWeightsOptions } from './arguments.ts';
import { type CheckpointOptions, chooseConfig } from './model.ts';
import { openTerminal } from './terminal.ts';

const help = `
Keep "name" as it is: the weights come through it. A configuration of another name needs --weights.

Examples:
  moganet config facade > my.json
  moganet predict photo.jpg --model my.json`;

/** `moganet config`: prints the configuration of a model, to read or to edit. */
export function addConfigCommand(program: Command): void {
  const command = program
    .command('config')
    .summary('print the configuration of a model as JSON')
    .description('Prints the configuration of a model as JSON with all defaults. `--model` takes an edited one.')
    .argument('<model>', 'a name (see `moganet models`), a config.json or a checkpoint');
  addWeightsOptions(command)
    .addHelpText('after', help)
    .action(async (model: string, options: CheckpointOptions) => {
      const library = await import('../node.ts');
      const { config } = library.createModel(await chooseConfig(library, model, options));
      openTerminal().print(JSON.stringify(config, null, 2));
    });
}
