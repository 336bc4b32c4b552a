import type { Command } from 'commander';
import { findEntry } from './model.ts';
import { bytes, loadingDisplay, openTerminal } from './terminal.ts';

interface Options {
  readonly from?: string;
  readonly quiet?: boolean;
}

const help = `
Files go to the cache: the folder of the variable MOGANET_CACHE, or the system's cache folder; their paths are printed. A
file that is there is checked and not downloaded again. An interrupted download resumes. Without --from, files come from
the mirror of MOGANET_MIRROR, or from the publisher. Proxies are those of HTTP_PROXY, HTTPS_PROXY and NO_PROXY.

Examples:
  moganet pull mask_rcnn_moganet_xt_fpn_1x_coco
  moganet pull moganet_xt moganet_t --from https://mirror.example.org/weights/
  moganet predict photo.jpg --model upernet_moganet_xt_512x512_160k_ade20k --pull`;

/** `moganet pull`: downloads published weights into the cache. */
export function addPullCommand(program: Command): void {
  program
    .command('pull')
    .summary('download the published weights of models')
    .description('Downloads the published weights of models once. Afterwards the models work by name, also offline.')
    .argument('<models...>', 'names (see `moganet models`)')
    .option('--from <url>', 'a mirror: the URL of the file, or of the folder that contains it')
    .option('-q, --quiet', 'only paths and errors')
    .addHelpText('after', help)
    .action(async (names: string[], { from, quiet }: Options) => {
      const library = await import('../node.ts');
      const terminal = openTerminal({ quiet });
      const models = names.map((name) => findEntry(library, name).name);
      for (const name of models) {
        const options = { from, onProgress: loadingDisplay(terminal) };
        const { entry, path, size, sha256, cached } = await library.pullModel(name, options);
        terminal.settle();
        terminal.note(`${entry.name}: ${bytes(size)}${cached ? ', already downloaded' : ''}, sha256 ${sha256}`);
        const terms = library.termsOf(entry);
        if (terms) terminal.note(terminal.colors.dim([`terms: ${terms.weights}`, ...terms.data].join('\n')));
        terminal.print(path);
      }
    });
}
