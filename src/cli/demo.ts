import type { Command } from 'commander';
import { runImages } from './images.ts';
import { chooseModel, otherClasses, ownCommand } from './model.ts';
import { openTerminal } from './terminal.ts';

/** `moganet demo`: the shipped photos through the shipped model. */
export function addDemoCommand(program: Command, end: (code: number) => void): void {
  program
    .command('demo')
    .summary('draw what the shipped model finds on the shipped street photos')
    .description(
      'Draws what the shipped model finds on the shipped street photos. Works offline; replaces its own pictures.',
    )
    .option('-o, --out <folder>', 'where the pictures go', 'out')
    .option('-q, --quiet', 'only results and errors')
    .addHelpText('after', '\nExamples:\n  moganet demo\n  moganet demo --out /tmp/overlays')
    .action(async ({ out, quiet }: { out: string; quiet?: boolean }) => {
      const terminal = openTerminal({ quiet: quiet ?? false });
      const library = await import('../node.ts');
      const { exitCode, written } = await runImages(
        library,
        {
          task: 'predict',
          images: [library.sampleImages],
          model: chooseModel(library, 'facade'),
          out,
          overwrite: true,
          score: 0.3,
        },
        terminal,
      );
      const command = ownCommand();
      terminal.note(`\nLook at\n${written.map((path) => `  ${path}`).join('\n')}`);
      terminal.note(`\nYour own photos: ${command} predict photo.jpg\n\n${otherClasses(command)}`);
      end(exitCode);
    });
}
