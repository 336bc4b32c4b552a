import type { Command } from 'commander';
import { bytes } from './arguments.ts';
import { loadingDisplay, openTerminal } from './terminal.ts';

interface Options {
  readonly from?: string;
  readonly quiet?: boolean;
}

const help = `
The files go to the cache: the folder that MOGANET_CACHE names, or the system's place for such files; the path is printed.
What is there already is checked and not fetched again, and a transfer that was cut goes on where it ended. Without
--from the mirror that MOGANET_MIRROR names is asked, or else the publisher.

Examples:
  moganet pull mask_rcnn_moganet_xt_fpn_1x_coco
  moganet pull moganet_xt moganet_t --from https://mirror.example.org/weights/
  moganet predict photo.jpg --model upernet_moganet_xt_512x512_160k_ade20k --pull`;

/** `moganet pull`: published weights into the cache. */
export function addPullCommand(program: Command, end: (code: number) => void): void {
  program
    .command('pull')
    .summary('fetch the published weights of a model once')
    .description(
      'Fetches the published weights of models, so that they are there by name, with or without a connection.',
    )
    .argument('<models...>', 'names (see `moganet models`)')
    .option('--from <address>', 'a mirror: the address of the file, or of the folder that has it under its name')
    .option('-q, --quiet', 'only paths and errors')
    .addHelpText('after', help)
    .action(async (names: string[], { from, quiet = false }: Options) => {
      const library = await import('../node.ts');
      const terminal = openTerminal({ quiet });
      for (const name of names) {
        const { entry, path, size, sha256, cached } = await library.pullModel(name, {
          ...(from !== undefined && { from }),
          onProgress: loadingDisplay(terminal),
        });
        terminal.settle();
        const { dim } = terminal.colors;
        terminal.note(`${entry.name}: ${bytes(size)}${cached ? ', here already' : ''}, sha256 ${sha256}`);
        const terms = library.termsOf(entry);
        if (terms) terminal.note(dim([`terms: ${terms.weights}`, ...terms.data].join('\n')));
        terminal.print(path);
      }
      end(0);
    });
}
