import { type Command, Option } from 'commander';
import type { PredictOptions } from '../node.ts';
import { addWeightsOptions, scaleList, wholeNumber } from './arguments.ts';
import { type InputSize, inputSizeOrName, namedSizesHelp, scalesAt } from './sizes.ts';
import { type TileWords, tilesFrom } from './tiles.ts';

/** Options of all commands that run a model over images. */

/** Adds what says where the weights of the model come from. */
export function addLoadOptions(command: Command): Command {
  command
    .option('-w, --weights <file>', 'a .pth or .safetensors file, if the model does not bring its weights')
    .option('--pull', 'download published weights if they are missing');
  return addWeightsOptions(command);
}

/** Adds what runs the network. */
export const addEngineOptions = (command: Command): Command =>
  command
    .addOption(
      new Option('-e, --engine <engine>', 'what runs the network; cpu is a last resort: minutes per image')
        .choices(['auto', 'onnxruntime', 'webgpu', 'ort-wasm', 'wasm', 'cpu'])
        .default('auto'),
    )
    .addOption(
      new Option('--device <device>', 'where onnxruntime computes if not on the processor').choices([
        'cuda',
        'coreml',
        'dml',
      ]),
    )
    .option(
      '-t, --threads <n>',
      'threads of onnxruntime and ort-wasm, at most one per processor (default: one per core); wasm and cpu have one',
      wholeNumber,
    );

/** Adds how many models share the images. */
export const addWorkersOption = (command: Command): Command =>
  command.option(
    '--workers <n>',
    'models that run at a time, each with its share of the cores (default: 2 from 12 images on, else 1)',
    wholeNumber,
  );

/** How an image becomes the input of the network, as the command line says it. */
export interface InputChoice extends TileWords {
  readonly size?: InputSize | undefined;
  readonly maxPixels?: number | undefined;
  readonly flip?: boolean | undefined;
  readonly scales?: readonly number[] | undefined;
}

/**
 * Returns the choice among other options, for the library's `predict`. A size with a name is a scale there.
 *
 * @throws UsageError if there are words about tiles, and no tiles, or scales of a size that are too small
 */
export const inputChoiceOf = ({ size, maxPixels, flip, scales, ...words }: InputChoice): InputOptions => ({
  size: typeof size === 'string' ? undefined : size,
  maxPixels,
  flip,
  scales: typeof size === 'string' ? scalesAt(size, scales) : scales,
  tiles: tilesFrom(words),
});

type InputOptions = Pick<PredictOptions, 'size' | 'maxPixels' | 'flip' | 'scales' | 'tiles'>;

/** Adds how an image becomes the input of the network: the options of `InputChoice`. @param scales whether several can be merged */
export function addInputOptions(command: Command, { scales = true } = {}): Command {
  command
    .option(
      '--size <HxW>',
      `height and width that the image is fitted into, one number for a square, or ${namedSizesHelp} (default: the configuration's)`,
      inputSizeOrName,
    )
    .option(
      '--max-pixels <n>',
      'pixels that an image may have; more of them take more memory (default: 67108864)',
      wholeNumber,
    )
    .option('--flip', 'run each image mirrored as well and merge the results: better, in twice the time');
  if (!scales) return command;
  return command.option(
    '--scales <list>',
    'run each image at several scales, separated by commas (0.75,1,1.25), and merge the results; 1 is the usual size',
    scaleList,
  );
}
