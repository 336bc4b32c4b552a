import { type Command, Option } from 'commander';
import { addWeightsOptions, inputSize, wholeNumber } from './arguments.ts';

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
    )
    .option(
      '--workers <n>',
      'models that run at a time, each with its share of the cores (default: 2 from 12 images on, else 1)',
      wholeNumber,
    );

/** Adds how an image becomes the input of the network. */
export const addInputOptions = (command: Command): Command =>
  command
    .option(
      '--size <HxW>',
      "height and width that the image is fitted into, one number for a square (default: the configuration's)",
      inputSize,
    )
    .option(
      '--max-pixels <n>',
      'pixels that an image may have; more of them take more memory (default: 67108864)',
      wholeNumber,
    );
