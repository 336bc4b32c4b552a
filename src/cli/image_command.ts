import { type Command, Option } from 'commander';
import { inputSize, wholeNumber } from './arguments.ts';
import { UsageError } from './failure.ts';
import { type Save, saveList, savesOf } from './outputs.ts';
import type { Task } from './tasks.ts';

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
  readonly save?: readonly Save[];
  readonly size?: { readonly height: number; readonly width: number };
  readonly font?: string;
}

/**
 * Where files go: what `--out` says, else `standard`. `--json` alone writes none, since it has stdout to itself.
 *
 * @throws UsageError where stdout would hold two things
 */
export function placeFor({ out, save, json = false }: ImageOptions, standard: string | undefined): string | undefined {
  if (json && out === '-') {
    throw new UsageError(
      '--json and --out - both write to stdout. The JSON of one image alone is --save json --out -.',
    );
  }
  if (out !== undefined) return out;
  return json && !save ? undefined : (standard ?? (save && 'out'));
}

const engines = ['auto', 'onnxruntime', 'wasm', 'cpu'];

/** A command that takes images, with the common options. */
export function imageCommand(
  program: Command,
  name: Task,
  { summary, model, out }: { readonly summary: string; readonly model: string; readonly out: string },
): Command {
  return program
    .command(name)
    .summary(summary)
    .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
    .argument(
      '<images...>',
      'JPEG and PNG files, folders, glob patterns or https addresses; - for one image from stdin',
    )
    .option('-m, --model <model>', model)
    .option('-w, --weights <file>', 'a .pth or .safetensors file, where the model does not bring its own')
    .option('--pull', 'fetch published weights that are not here yet')
    .option('-o, --out <folder>', out)
    .option('--save <what>', `what goes there, with commas between: ${savesOf[name].join(', ')}`, saveList)
    .option('--overwrite', 'replace files that are there already')
    .option('--json', 'results as JSON on stdout')
    .option('-r, --recursive', 'look into the folders of a folder, too')
    .addOption(
      new Option('-e, --engine <engine>', 'what runs the network; cpu is a last resort: minutes per photo')
        .choices(engines)
        .default('auto'),
    )
    .option(
      '-t, --threads <n>',
      'threads of onnxruntime, at most one per processor (default: one per core); wasm and cpu have one',
      wholeNumber,
    )
    .option('--size <HxW>', "what the image is fitted into (default: the configuration's)", inputSize)
    .option('--font <file>', 'a TrueType font for class names that the built-in letters (Latin-1) do not cover')
    .option('-q, --quiet', 'only results and errors');
}
