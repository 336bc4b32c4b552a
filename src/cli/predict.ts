import { type Command, Option } from 'commander';
import { unitInterval, wholeNumber } from './arguments.ts';
import { chooseModel } from './choose_model.ts';
import { exitCodesHelp } from './failure.ts';
import { jsonHelp } from './json_document.ts';
import { otherClasses, ownCommand } from './other_classes.ts';
import { runImages, type Task } from './run_images.ts';
import { openTerminal } from './terminal.ts';
import { plural } from './words.ts';

interface Options {
  readonly model?: string;
  readonly weights?: string;
  readonly engine: string;
  readonly threads?: number;
  readonly out?: string;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly score: number;
  readonly recursive?: boolean;
  readonly quiet?: boolean;
}

const engines = ['auto', 'onnxruntime', 'wasm', 'cpu'];

const tasks: Readonly<Record<Task, string>> = {
  predict: 'find objects and segment, whatever the model does; draw the results on the photos',
  detect: 'find objects: boxes and instance masks only',
  segment: 'give every pixel a class',
};

/** The commands `predict`, `detect` and `segment`. */
export function addPredictCommands(program: Command, end: (code: number) => void): void {
  for (const [task, summary] of Object.entries(tasks) as [Task, string][]) {
    program
      .command(task)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
      .argument('<images...>', 'JPEG and PNG files, folders or glob patterns')
      .option('-m, --model <model>', 'a name (see `moganet models`), a config.json or a checkpoint (default: "facade")')
      .option('-w, --weights <file>', 'a .pth or .safetensors file, where the model does not bring its own')
      .option(
        '-o, --out <folder>',
        'where the pictures go (default: "out"; with --json none are drawn unless it is given)',
      )
      .option('--overwrite', 'replace pictures that are there already')
      .option('-s, --score <least>', 'draw and print only what scores at least this', unitInterval, 0.3)
      .option('--json', 'results as JSON on stdout')
      .option('-r, --recursive', 'look into the folders of a folder, too')
      .addOption(new Option('-e, --engine <engine>', 'what runs the network').choices(engines).default('auto'))
      .option('-t, --threads <n>', 'threads of onnxruntime (default: one per core)', wholeNumber)
      .option('-q, --quiet', 'only results and errors')
      .addHelpText('after', () => help(task))
      .action(async (images: string[], options: Options) => end(await run(task, images, options)));
  }
}

async function run(task: Task, images: readonly string[], options: Options): Promise<number> {
  const { quiet = false, json = false, overwrite = false, recursive = false, score, engine, threads } = options;
  const terminal = openTerminal({ quiet, results: json ? 'stderr' : 'stdout' });
  const out = options.out ?? (json ? undefined : 'out');
  const library = await import('../node.ts');
  const { exitCode, written, instances } = await runImages(
    library,
    {
      task,
      images,
      recursive,
      model: chooseModel(library, options.model, options.weights),
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

function help(task: Task): string {
  return `
Pictures are named <stem>.detections.png and <stem>.segmentation.png, below --out with the folders of the photos kept;
where two photos share a stem, by the whole file name. Nothing is replaced without --overwrite.

The model "facade" comes with the package: windows, balconies, cars and plants on street photos.

Examples:
  moganet ${task} photo.jpg
  moganet ${task} holiday/ --recursive --out overlays --score 0.5
  moganet ${task} 'photos/*.jpg' --json > results.json

${otherClasses('moganet')}

${jsonHelp}

${exitCodesHelp}`;
}
