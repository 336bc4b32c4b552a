import type { Command } from 'commander';
import { runImages } from './images.ts';
import { chooseModel, otherClasses, ownCommand } from './model.ts';
import { openTerminal } from './terminal.ts';

/** `moganet demo`: runs the shipped model on the shipped images. */
export function addDemoCommand(program: Command, end: (code: number) => void): void {
  program
    .command('demo')
    .summary('run the shipped model on the shipped street images')
    .description('Runs the shipped model on the shipped street images. Works offline; replaces its own overlays.')
    .option('-o, --out <folder>', 'folder for the overlays', 'out')
    .option('-q, --quiet', 'only results and errors')
    .addHelpText('after', '\nExamples:\n  moganet demo\n  moganet demo --out /tmp/overlays')
    .action(async ({ out, quiet }: { out: string; quiet?: boolean }) => {
      const terminal = openTerminal({ quiet });
      const library = await import('../node.ts');
      const model = chooseModel(library, 'facade');
      const job = { task: 'predict', images: [library.sampleImages], model, out, overwrite: true, score: 0.3 } as const;
      const { exitCode, written } = await runImages(library, job, terminal);
      const command = ownCommand();
      terminal.note(`\nLook at\n${written.map((path) => `  ${path}`).join('\n')}`);
      terminal.note(`\nYour images: ${command} predict photo.jpg\n\n${otherClasses(command)}`);
      end(exitCode);
    });
}
