import { basename, dirname, extname } from 'node:path';
import { type Command, Option } from 'commander';
import type { Size } from '../node.ts';
import { addWeightsOptions, checkFile, collected, sizes } from './arguments.ts';
import { endingAtOnce, UsageError } from './failure.ts';
import { chooseConfig, kindsOf } from './model.ts';
import { checkFolder, refuseExisting, writeWhole } from './outputs.ts';
import { openTerminal, plural } from './terminal.ts';
import { worded } from './words.ts';

interface Options {
  readonly dtype?: 'f16' | 'f32';
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly ignore?: readonly string[];
  readonly model?: readonly string[];
  readonly keepAux?: boolean;
  readonly scale?: readonly Size[];
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
Several checkpoints become one model: their heads share the backbone, whose values must be equal in all of them. The new
file contains its configuration, so that \`--model model.safetensors\` is all it needs.

Examples:
  moganet convert mask_rcnn_moganet_xtiny_fpn_1x_coco.pth coco.safetensors --dtype f16
  moganet convert detector.pth segmenter.pth both.safetensors --scale 640x640 --scale 512x512
  moganet convert epoch_12.pth mine.safetensors --model mine.json
  moganet convert semi.pth student.safetensors --model mine.json --prefix student.
  moganet convert detector.pth backbone.safetensors --prefix backbone.`;

/** `moganet convert`: turns checkpoints into one safetensors file. */
export function addConvertCommand(program: Command): void {
  const command = program
    .command('convert')
    .summary('turn checkpoints into one safetensors file that loads by itself')
    .description('Turns PyTorch checkpoints (or safetensors files) into one safetensors file that loads by itself.')
    .argument(
      '<files...>',
      'the checkpoints, by path or URL (of one in several files its index), then the new .safetensors file',
    )
    .addOption(new Option('--dtype <type>', 'type of the weights (default: unchanged)').choices(['f16', 'f32']));
  addWeightsOptions(command)
    .option(
      '--model <model>',
      'the model of a checkpoint: a name or a config.json, once per checkpoint in their order (default: the file says it)',
      collected,
    )
    .option('--keep-aux', 'keep the auxiliary head, which only training needs')
    .option(
      '--scale <HxW>',
      "test scale, once per checkpoint in their order (default: the configuration's, 800x1333 or 512x2048); one number is a square",
      sizes,
    )
    .option('--overwrite', 'replace an existing file')
    .option('-q, --quiet', 'only errors')
    .addHelpText('after', help)
    .action(convert);
}

async function convert(files: readonly string[], options: Options): Promise<void> {
  const paths = files.slice(0, -1);
  const out = files.at(-1) ?? '';
  const { dtype, ema, prefix, ignore, model = [], keepAux, scale = [], overwrite, quiet } = options;
  if (paths.length === 0) {
    throw new UsageError('convert needs a checkpoint and the new file: moganet convert in.pth out.safetensors');
  }
  if (extname(out).toLowerCase() !== '.safetensors') {
    throw new UsageError(`${out}: the last file is the one to write; its name must end with .safetensors.`);
  }
  checkCount('--scale', scale, paths);
  checkCount('--model', model, paths);
  for (const path of paths) checkFile(path);
  checkFolder(dirname(out), 'Give another name');
  if (!overwrite) refuseExisting([out], 'give another name');
  const terminal = openTerminal({ quiet });
  const library = await import('../node.ts');
  const configs = await endingAtOnce(() => Promise.all(model.map((name) => chooseConfig(library, name))));
  const sources = await Promise.all(paths.map((path) => library.openFileSource(path)));
  try {
    const { output, tensors, notices, config } = await endingAtOnce(() =>
      library.convertCheckpoints(
        sources.map((source, i) => ({ source, config: configs[i], scale: edgesOf(scale[i]) })),
        {
          ema,
          keepAux,
          prefix,
          ignore,
          name: basename(out, extname(out)),
          dtype: dtype && (dtype === 'f16' ? 'F16' : 'F32'),
        },
      ),
    );
    for (const notice of notices) terminal.note(worded(notice));
    await writeWhole(out, output.chunks());
    if (quiet) return;
    const parts = ['backbone', ...kindsOf(config)].join(', ');
    terminal.print(`${out}: ${parts}; ${tensors} tensors, ${(output.size / 1e6).toFixed(1)} MB`);
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}

/** @throws UsageError if an option that belongs to one checkpoint is there, but not for each */
function checkCount(option: string, values: readonly unknown[], paths: readonly string[]): void {
  if (values.length === 0 || values.length === paths.length) return;
  throw new UsageError(
    `${option} is given ${plural(values.length, 'time')} for ${plural(paths.length, 'checkpoint')}. Give it once per checkpoint.`,
  );
}

/** Configurations list the width first, as mm's do. Either edge may be the larger. */
const edgesOf = (size: Size | undefined) => size && ([size.width, size.height] as const);
