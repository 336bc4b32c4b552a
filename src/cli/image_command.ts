import { type Command, Option } from 'commander';
import { wholeNumber } from './arguments.ts';

/** What the commands that work on images have in common. */
export interface ImageOptions {
  readonly model?: string;
  readonly weights?: string;
  readonly pull?: boolean;
  readonly engine: string;
  readonly threads?: number;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly recursive?: boolean;
  readonly quiet?: boolean;
}

const engines = ['auto', 'onnxruntime', 'wasm', 'cpu'];

/** A command that takes images, with the common options. */
export function imageCommand(
  program: Command,
  name: string,
  { summary, model, out }: { readonly summary: string; readonly model: string; readonly out: string },
): Command {
  return program
    .command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .argument('<images...>', 'JPEG and PNG files, folders or glob patterns')
    .option('-m, --model <model>', model)
    .option('-w, --weights <file>', 'a .pth or .safetensors file, where the model does not bring its own')
    .option('--pull', 'fetch published weights that are not here yet')
    .option('-o, --out <folder>', out)
    .option('--overwrite', 'replace pictures that are there already')
    .option('--json', 'results as JSON on stdout')
    .option('-r, --recursive', 'look into the folders of a folder, too')
    .addOption(new Option('-e, --engine <engine>', 'what runs the network').choices(engines).default('auto'))
    .option('-t, --threads <n>', 'threads of onnxruntime (default: one per core)', wholeNumber)
    .option('-q, --quiet', 'only results and errors');
}
