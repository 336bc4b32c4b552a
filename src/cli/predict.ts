import { type Command, Option } from 'commander';
import { datasetOf } from '../datasets/index.ts';
import { unknownName } from '../errors.ts';
import { collected, countOf, inputSize, unitInterval, wholeNumber } from './arguments.ts';
import { exitCodesHelp, UsageError } from './failure.ts';
import { runImages } from './images.ts';
import { chooseModel, howToClassify, otherClasses, ownCommand } from './model.ts';
import { jsonHelp, type Save, saveHelp, saveList, savesOf } from './outputs.ts';
import { openTerminal } from './terminal.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;

/** What the commands on images do; `predict` is whatever the model does. */
export type Task = 'predict' | 'detect' | 'segment' | 'classify';

const refusals = {
  detect: 'finds no objects',
  segment: 'does not segment',
  classify: 'does not classify',
} as const;

/**
 * @param name what messages call the model
 * @throws UsageError where the model cannot do the task, with what it can and with models that can
 */
export function checkTask(
  { entries }: Library,
  task: Task,
  name: string,
  { detection: detector, segmentation: segmentor, classification: classifier }: Config,
): void {
  const able = [
    ...(detector ? (['detect'] as const) : []),
    ...(segmentor ? (['segment'] as const) : []),
    ...(classifier ? (['classify'] as const) : []),
  ];
  if (able.length === 0) {
    throw new UsageError(
      `${name} neither finds objects nor segments nor classifies: there is nothing to show. See \`moganet models\`.`,
    );
  }
  if (task === 'predict' || able.includes(task)) return;
  const use = `Use \`moganet ${able.length > 1 ? 'predict' : able[0]}\``;
  if (task !== 'classify') throw new UsageError(`${name} ${refusals[task]}. ${use}.`);
  const classifiers = entries.filter(({ config }) => config.classification).map((entry) => entry.name);
  throw new UsageError(
    `${name} ${refusals[task]}. ${use}, or one of these: ${classifiers.join(', ')}.\n${howToClassify(ownCommand())}`,
  );
}

type ChoiceConfig = import('../node.ts').ModelConfig;

/** Which of the instances are wanted: the options of `predict` and `detect`. */
export interface InstanceChoice {
  /** As given: names, or several with commas between them. */
  readonly classes?: readonly string[] | undefined;
  readonly max?: number | undefined;
  readonly iou?: number | undefined;
}

/** The same in the form that `predict` takes. */
export interface ChosenInstances {
  readonly classes?: readonly string[];
  readonly max?: number;
  readonly iou?: number;
}

/**
 * @param name what messages call the model
 * @throws UsageError for an unknown class, and where the model finds no instances at all
 */
export function chooseInstances(
  choice: InstanceChoice,
  name: string,
  { detection: detector }: ChoiceConfig,
): ChosenInstances {
  const { classes, max, iou } = choice;
  const given = Object.entries({ classes, max, iou }).flatMap(([key, value]) =>
    value === undefined ? [] : [`--${key}`],
  );
  if (given.length === 0) return {};
  if (!detector) throw new UsageError(`${name} finds no objects for ${given.join(' and ')} to choose from.`);
  const names = classes?.flatMap((text) => namesIn(text, datasetOf(detector).classes));
  // of a hundred instances the ten best cars may be far down
  const most = names && max !== undefined ? Math.max(max, detector.test?.max ?? 100) : max;
  return {
    ...(names && { classes: names }),
    ...(most !== undefined && { max: most }),
    ...(iou !== undefined && { iou }),
  };
}

/** A class name may have a comma in it. */
function namesIn(text: string, known: readonly string[]): string[] {
  if (known.includes(text)) return [text];
  return text.split(',').map((word) => {
    const name = word.trim();
    if (!known.includes(name)) throw new UsageError(unknownName('class', name, known));
    return name;
  });
}

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
