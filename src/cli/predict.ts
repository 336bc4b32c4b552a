import type { Command } from 'commander';
import { unitInterval } from './arguments.ts';
import { chooseModel } from './choose_model.ts';
import { exitCodesHelp } from './failure.ts';
import { type ImageOptions, imageCommand } from './image_command.ts';
import { jsonHelp } from './json_document.ts';
import { otherClasses, ownCommand } from './other_classes.ts';
import { runImages } from './run_images.ts';
import { openTerminal } from './terminal.ts';
import { plural } from './words.ts';

interface Options extends ImageOptions {
  readonly score: number;
}

const tasks = {
  predict: 'find objects, segment or classify, whatever the model does; draw the results on the photos',
  detect: 'find objects: boxes and instance masks only',
  segment: 'give every pixel a class',
} as const;
type Drawn = keyof typeof tasks;

/** The commands `predict`, `detect` and `segment`. */
export function addPredictCommands(program: Command, end: (code: number) => void): void {
  for (const [task, summary] of Object.entries(tasks) as [Drawn, string][]) {
    imageCommand(program, task, {
      summary,
      model: 'a name (see `moganet models`), a config.json or a checkpoint (default: "facade")',
      out: 'where the pictures go (default: "out"; with --json none are drawn unless it is given)',
    })
      .option('-s, --score <least>', 'draw and print only what scores at least this', unitInterval, 0.3)
      .addHelpText('after', () => help(task))
      .action(async (images: string[], options: Options) => end(await run(task, images, options)));
  }
}

async function run(task: Drawn, images: readonly string[], options: Options): Promise<number> {
  const {
    quiet = false,
    json = false,
    overwrite = false,
    recursive = false,
    pull = false,
    score,
    engine,
    threads,
  } = options;
  const terminal = openTerminal({ quiet, results: json ? 'stderr' : 'stdout' });
  const out = options.out ?? (json ? undefined : 'out');
  const library = await import('../node.ts');
  const { exitCode, written, instances } = await runImages(
    library,
    {
      task,
      images,
      recursive,
      model: chooseModel(library, options.model, { weights: options.weights, task, pull }),
      pull,
      engine,
      ...(threads !== undefined && { threads }),
      out,
      overwrite,
      score,
      json,
    },
    terminal,
  );
  if (written.length > 0) terminal.note(`${plural(written.length, 'picture')} in ${out}`);
  if (instances === 0) {
    terminal.note(`\nNothing was found. A lower --score shows what was less certain.\n${otherClasses(ownCommand())}`);
  }
  return exitCode;
}

function help(task: Drawn): string {
  return `
Pictures are named <stem>.detections.png, <stem>.segmentation.png or <stem>.classification.png, below --out with the
folders of the photos kept; where two photos share a stem, by the whole file name. Nothing is replaced without --overwrite.

The model "facade" comes with the package: windows, balconies, cars and plants on street photos.

Examples:
  moganet ${task} photo.jpg
  moganet ${task} holiday/ --recursive --out overlays --score 0.5
  moganet ${task} 'photos/*.jpg' --json > results.json

${otherClasses('moganet')}

${jsonHelp}

${exitCodesHelp}`;
}
