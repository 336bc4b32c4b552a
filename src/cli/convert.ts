import { basename, extname } from 'node:path';
import { type Command, Option } from 'commander';
import { plural, scales } from './arguments.ts';
import { UsageError } from './failure.ts';
import { refuseExisting, writeWhole } from './outputs.ts';
import { openTerminal } from './terminal.ts';

interface Options {
  readonly dtype?: 'f16' | 'f32';
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly keepAux?: boolean;
  readonly scale?: readonly (readonly [number, number])[];
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
Several files are joined into one model: heads on one trunk, which must hold the same values in all of them. The new
file carries its configuration, so that \`--model model.safetensors\` is all it needs.

Examples:
  moganet convert mask_rcnn_moganet_xtiny_fpn_1x_coco.pth coco.safetensors --dtype f16
  moganet convert detector.pth segmentor.pth both.safetensors --scale 640x640 --scale 512x512
  moganet convert detector.pth trunk.safetensors --prefix backbone.`;

/** `moganet convert`: checkpoints to one safetensors file. */
export function addConvertCommand(program: Command, end: (code: number) => void): void {
  program
    .command('convert')
    .summary('turn checkpoints into one safetensors file that loads by itself')
    .description('Turns PyTorch checkpoints (or safetensors files) into one safetensors file that loads by itself.')
    .argument('<files...>', 'the checkpoints, then the new .safetensors file')
    .addOption(new Option('--dtype <type>', 'type of the weights (default: as they are)').choices(['f16', 'f32']))
    .option('--ema', 'take the averaged weights')
    .option('--prefix <prefix>', 'take only the keys that begin with it, without it')
    .option('--keep-aux', 'keep the auxiliary head, which only training needs')
    .option(
      '--scale <WxH>',
      "test scale, once per input in their order (default: the configuration's, 1333x800 or 2048x512)",
      scales,
    )
    .option('--overwrite', 'replace the file if it is there already')
    .option('-q, --quiet', 'only errors')
    .addHelpText('after', help)
    .action(async (files: string[], options: Options) => {
      await convert(files, options);
      end(0);
    });
}

async function convert(files: readonly string[], options: Options): Promise<void> {
  const paths = files.slice(0, -1);
  const out = files.at(-1)!;
  const { dtype, ema = false, prefix, keepAux = false, scale = [], overwrite = false, quiet = false } = options;
  if (paths.length === 0)
    throw new UsageError('convert needs the checkpoint and the new file: moganet convert in.pth out.safetensors');
  if (extname(out).toLowerCase() !== '.safetensors') {
    throw new UsageError(`${out}: the last file is the one to write, and its name ends with .safetensors.`);
  }
  if (scale.length > 0 && scale.length !== paths.length) {
    throw new UsageError(
      `--scale is given ${scale.length === 1 ? 'once' : `${scale.length} times`} for ${plural(paths.length, 'input')}. Give it once per input.`,
    );
  }
  if (!overwrite) refuseExisting([out], 'give another name');
  const terminal = openTerminal({ quiet });
  const library = await import('../node.ts');
  const sources = await Promise.all(paths.map((path) => library.openFileSource(path)));
  try {
    const { output, tensors, notices, config } = await library.convertCheckpoints(
      sources.map((source, i) => ({ source, ...(scale[i] && { scale: scale[i] }) })),
      {
        ema,
        keepAux,
        name: basename(out, extname(out)),
        ...(prefix !== undefined && { prefix }),
        ...(dtype && { dtype: dtype === 'f16' ? 'F16' : 'F32' }),
      },
    );
    for (const notice of notices) terminal.note(notice);
    await writeWhole(out, output.chunks());
    const heads = [
      config.detection && 'detector',
      config.segmentation && 'segmentor',
      config.classification && 'classifier',
    ];
    const parts = ['backbone', ...heads.filter(Boolean)].join(', ');
    terminal.print(`${out}: ${parts}; ${tensors} tensors, ${(output.size / 1e6).toFixed(1)} MB`);
  } finally {
    await Promise.all(sources.map((source) => source.close()));
  }
}
