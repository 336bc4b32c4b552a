import type { Command } from 'commander';
import { collected, unitInterval, wholeNumber } from './arguments.ts';
import { chooseModel } from './choose_model.ts';
import { exitCodesHelp } from './failure.ts';
import { type ImageOptions, imageCommand, placeFor } from './image_command.ts';
import { jsonHelp } from './json_document.ts';
import { otherClasses, ownCommand } from './other_classes.ts';
import { saveHelp } from './outputs.ts';
import { runImages } from './run_images.ts';
import { openTerminal } from './terminal.ts';
import { countOf } from './words.ts';

interface Options extends ImageOptions {
  readonly score?: number;
  readonly classes?: readonly string[];
  readonly max?: number;
  readonly iou?: number;
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
    const command = imageCommand(program, task, {
      summary,
      model: 'a name (see `moganet models`), a config.json or a checkpoint (default: "facade")',
      out: 'where files go, or - for stdout (default: "out"; - for an image from stdin; with --json none unless it or --save is given)',
    });
    if (task !== 'segment') {
      command
        .option(
          '--classes <names>',
          'only objects of these classes, with commas between or given several times',
          collected,
        )
        .option('--max <n>', "at most so many objects per image, the best (default: the configuration's)", wholeNumber)
        .option('--iou <share>', "how much boxes of one class may overlap (default: the configuration's)", unitInterval)
        .option('-s, --score <least>', 'draw and print only what scores at least this', unitInterval, 0.3);
    }
    command
      .addHelpText('after', () => help(task))
      .action(async (images: string[], options: Options) => end(await run(task, images, options)));
  }
}

async function run(task: Drawn, images: readonly string[], options: Options): Promise<number> {
  const { quiet = false, json = false, pull = false, model, weights, ...rest } = options;
  const out = placeFor(options, images.includes('-') ? '-' : 'out');
  const terminal = openTerminal({ quiet, results: json || out === '-' ? 'stderr' : 'stdout' });
  const library = await import('../node.ts');
  const chosen = chooseModel(library, model, { weights, task, pull });
  const job = { ...rest, task, images, model: chosen, pull, out, json };
  const { exitCode, written, instances } = await runImages(library, job, terminal);
  if (written.length > 0) terminal.note(`${countOf(written)} in ${out}`);
  if (instances === 0) {
    terminal.note(`\nNothing was found. A lower --score shows what was less certain.\n${otherClasses(ownCommand())}`);
  }
  return exitCode;
}

function help(task: Drawn): string {
  return `
${saveHelp(task)}

They lie below --out with the folders of the photos kept; where two photos share a stem, the whole file name takes its
place. Nothing is replaced without --overwrite.

The model "facade" comes with the package: windows, balconies, cars and plants on street photos.

Examples:
  moganet ${task} photo.jpg
  moganet ${task} holiday/ --recursive --out overlays${task === 'segment' ? '' : ' --score 0.5'}
  moganet ${task} 'photos/*.jpg' --json > results.json
  moganet ${task} photo.jpg --save ${task === 'segment' ? 'labels,json' : 'overlay,coco,labelme'}
  curl -s https://example.com/photo.jpg | moganet ${task} - > overlay.png
${task === 'segment' ? '' : `  moganet ${task} street/ --classes car,window --max 20 --iou 0.6\n`}
${otherClasses('moganet', task === 'predict' ? undefined : task)}

${jsonHelp}

${exitCodesHelp}`;
}
