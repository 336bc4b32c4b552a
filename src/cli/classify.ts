import type { Command } from 'commander';
import { countOf, wholeNumber } from './arguments.ts';
import { exitCodesHelp } from './failure.ts';
import { runImages } from './images.ts';
import { chooseModel, howToClassify } from './model.ts';
import { jsonHelp, saveHelp } from './outputs.ts';
import { type ImageOptions, imageCommand, placeFor } from './predict.ts';
import { openTerminal } from './terminal.ts';

interface Options extends ImageOptions {
  readonly top: number;
}

/** `moganet classify`: the likeliest classes of each image. */
export function addClassifyCommand(program: Command, end: (code: number) => void): void {
  imageCommand(program, 'classify', {
    summary: 'say what a picture shows: the likeliest classes with their scores',
    model: 'a name (see `moganet models --task classify`), a config.json or a checkpoint',
    out: 'draw the classes on the photos, into this folder (- for stdout; "out" where only --save is given)',
  })
    .option('-k, --top <n>', 'how many classes', wholeNumber, 5)
    .addHelpText('after', help)
    .action(async (images: string[], options: Options) => end(await run(images, options)));
}

async function run(images: readonly string[], options: Options): Promise<number> {
  const { quiet = false, json = false, pull = false, model, weights, ...rest } = options;
  const out = placeFor(options, undefined);
  const terminal = openTerminal({ quiet, results: json || out === '-' ? 'stderr' : 'stdout' });
  const library = await import('../node.ts');
  const chosen = chooseModel(library, model, { weights, task: 'classify', pull });
  const job = { ...rest, task: 'classify' as const, images, model: chosen, pull, out, json };
  const { exitCode, written } = await runImages(library, job, terminal);
  if (written.length > 0) terminal.note(`${countOf(written)} in ${out}`);
  return exitCode;
}

const help = `
The middle of each photo is looked at as in ImageNet's evaluation: its short side resized, a square cut out.
${saveHelp('classify')}

Nothing is written unless --out or --save is given, and nothing replaced without --overwrite.

Examples:
  moganet classify cat.jpg --model moganet_xt --pull
  moganet classify holiday/ --model trained.safetensors --top 3 --json > classes.json
  moganet classify holiday/ --model trained.safetensors --save overlay,json --out classes

${howToClassify('moganet')}

${jsonHelp}

${exitCodesHelp}`;
