import { type Command, Option } from 'commander';
import { collected, unitInterval, wholeNumber } from './arguments.ts';
import { addDetectorOptions, checkBoxWords, chooseDetector, type DetectorWords } from './detector.ts';
import { exitCodesHelp, UsageError } from './failure.ts';
import { type FramesChoice, framesChoice, framesHelp } from './frames.ts';
import { runImages } from './images.ts';
import { extensions } from './inputs.ts';
import { jsonHelp } from './json_document.ts';
import { chooseModel, otherClasses, ownCommand, type TaskCommand } from './model.ts';
import { type Save, saveHelp, saveListOf, savesOf } from './outputs.ts';
import {
  addEngineOptions,
  addInputOptions,
  addLoadOptions,
  addWorkersOption,
  type InputChoice,
  inputChoiceOf,
} from './run_options.ts';
import { openTerminal, plural } from './terminal.ts';
import { addTileOptions } from './tiles.ts';

interface Options extends InputChoice, DetectorWords {
  readonly model?: string;
  readonly weights?: string;
  readonly pull?: boolean;
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly ignore?: readonly string[];
  readonly engine: string;
  readonly threads?: number;
  readonly device?: string;
  readonly workers?: number;
  readonly out?: string;
  readonly save?: readonly Save[];
  readonly names?: 'kind' | 'stem';
  readonly cocoImages?: string;
  readonly frames?: FramesChoice;
  readonly overwrite?: boolean;
  readonly json?: boolean;
  readonly recursive?: boolean;
  readonly font?: string;
  readonly quiet?: boolean;
  /** Of `pose`. */
  readonly boxes?: string;
  readonly keypointScore?: number;
  /** Of `predict`, `detect` and `pose`. */
  readonly score?: number;
  readonly classes?: readonly string[];
  readonly max?: number;
  readonly iou?: number;
  /** Of `classify`. */
  readonly top?: number;
}

const summaries: Readonly<Record<TaskCommand, string>> = {
  predict: 'detect instances, segment, classify or find poses, whatever the model does; draw the results on the images',
  detect: 'detect instances: their boxes and masks',
  segment: 'segment: give every pixel a class',
  classify: 'classify images: the likeliest classes with their scores',
  pose: 'find the keypoints of people (or of what the model knows) in boxes of a detector, of a file, or in whole images',
};

/** The commands `predict`, `detect`, `segment`, `classify` and `pose`. */
export function addPredictCommands(program: Command, end: (code: number) => void): void {
  for (const [task, summary] of Object.entries(summaries) as [TaskCommand, string][]) {
    const command = imageCommand(program, task, summary);
    if (task === 'predict' || task === 'detect') {
      command
        .option('--classes <names>', 'only instances of these classes, separated by commas; may be repeated', collected)
        .option(
          '--max <n>',
          "at most so many instances per image, best first (default: the configuration's)",
          wholeNumber,
        )
        .option(
          '--iou <share>',
          "overlap allowed between boxes of a class (default: the configuration's)",
          unitInterval,
        )
        .option(
          '-s, --score <least>',
          `draw and print instances${task === 'detect' ? '' : ' or poses'} with at least this score (default: 0.3${task === 'detect' ? '' : ', of poses 0'})`,
          unitInterval,
        );
    }
    if (task === 'pose') addPoseOptions(command);
    if (task !== 'classify') {
      if (task !== 'pose') addTileOptions(command, { detects: task !== 'segment', segments: task !== 'detect' });
      command.addOption(
        new Option(
          '--names <how>',
          'names of labelme and YOLO files: stem.kind.ext, or stem.ext as the tools look for them',
        )
          .choices(['kind', 'stem'])
          .default('kind'),
      );
    }
    if (savesOf[task].includes('coco')) {
      command.option(
        '--coco-images <file>',
        'a COCO file with the ids of the images, found by file_name (default: their stems)',
      );
    }
    if (task === 'classify') command.option('-k, --top <n>', 'how many classes', wholeNumber, 5);
    command
      .addHelpText('after', () => help(task))
      .action(async (images: string[], options: Options) => end(await run(task, images, options)));
  }
}

/** Adds what only `pose` has: where the boxes come from, and which poses are shown. */
function addPoseOptions(command: Command): void {
  addDetectorOptions(command)
    .option(
      '-b, --boxes <file>',
      "take the boxes from a file in place of a detector: COCO's results or annotations, or the JSON of `moganet detect`",
    )
    .option('--no-flip', 'run no image mirrored (default: the configuration says)')
    .option('--max <n>', 'at most so many poses per image, those with the highest scores', wholeNumber)
    .option('-s, --score <least>', 'draw and print poses with at least this score (default: 0)', unitInterval)
    .option('--keypoint-score <least>', 'draw keypoints with at least this score (default: 0.3)', unitInterval);
}

/** A command with the options that all of them have. */
function imageCommand(program: Command, task: TaskCommand, summary: string): Command {
  const files = 'a config.json or a checkpoint';
  const [model, out] =
    task === 'classify'
      ? [
          `a name (see \`moganet models --task classification\`), ${files}`,
          'folder for images with the classes drawn on them, or - for stdout (default: none; "out" with --save)',
        ]
      : [
          task === 'pose'
            ? `a name (see \`moganet models --task pose\`), ${files}`
            : `a name (see \`moganet models\`), ${files} (default: "facade")`,
          'folder for files, or - for stdout (default: "out"; - for an image from stdin; none with --json unless --save is given)',
        ];
  const command = program
    .command(task)
    .summary(summary)
    .description(`${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`)
    .argument('<images...>', 'JPEG and PNG files, folders, glob patterns or https URLs; - for one image from stdin')
    .option('-m, --model <model>', model);
  addLoadOptions(command)
    .option('-o, --out <folder>', out)
    .option('--save <what>', `what to write there, separated by commas: ${savesOf[task].join(', ')}`, saveListOf(task))
    .option(
      '--frames <how>',
      'the frames of a video on stdin (-): auto for PNG or JPEG files, 1280x720:rgb24 for raw ones',
      framesChoice,
    )
    .option('--overwrite', 'replace existing files')
    .option('--json', 'results as JSON on stdout')
    .option('-r, --recursive', 'search the subfolders of a folder as well');
  return addInputOptions(addWorkersOption(addEngineOptions(command)), { scales: task !== 'pose' })
    .option('--font <file>', 'a TrueType font for class names that the built-in font (Latin-1) does not cover')
    .option('-q, --quiet', 'only results and errors');
}

async function run(task: TaskCommand, images: readonly string[], options: Options): Promise<number> {
  const { quiet, json = false, pull, model, weights } = options;
  const out = destination(task, images, options);
  const terminal = openTerminal({ quiet, results: json || out === '-' ? 'stderr' : 'stdout' });
  const library = await import('../node.ts');
  const chosen = chooseModel(library, model, { weights, task, pull });
  checkBoxWords(options);
  const detector = await chooseDetector(library, options, pull);
  inputChoiceOf(options); // which refuses what does not fit together
  const { exitCode, written, instances } = await runImages(
    library,
    { ...options, task, images, model: chosen, detector, out },
    terminal,
  );
  if (written.length > 0) {
    const kind = written.every((path) => path.endsWith('.png')) ? 'image' : 'file';
    terminal.note(`${plural(written.length, kind)} in ${out}`);
  }
  if (instances === 0) {
    terminal.note(
      task === 'pose'
        ? `\nNo poses were found. ${options.score ? 'A lower --score shows less certain poses.' : 'A lower --detector-score takes less certain boxes.'}`
        : `\nNothing was detected. A lower --score shows less certain instances.\n${otherClasses(ownCommand())}`,
    );
  }
  return exitCode;
}

/**
 * The folder for files, `-` for stdout, or undefined. Without `--out`, `--json` has stdout to itself and writes no files,
 * and `classify` only prints.
 *
 * @throws UsageError if two things would go to stdout
 */
function destination(
  task: TaskCommand,
  images: readonly string[],
  { out, save, json, frames }: Options,
): string | undefined {
  if (json && out === '-') {
    throw new UsageError('--json and --out - both write to stdout. For the JSON of one image use --save json --out -.');
  }
  if (out !== undefined) return out;
  if (!save && (json || task === 'classify')) return undefined;
  return task !== 'classify' && images.includes('-') && frames === undefined ? '-' : 'out';
}

function help(task: TaskCommand): string {
  const parts = [reading, saveHelp(task), writing(task), about[task], examplesOf(task)];
  return ['', ...parts, framesHelp, otherClasses('moganet', task), jsonHelp(task), exitCodesHelp].join('\n\n').slice(1);
}

const reading = `Folders and patterns give files that end with ${extensions.join(', ')}, in small or capital letters; a line says
how many others there are. What an earlier run has written is left out. A file that is named may have any name.`;

const writing = (task: TaskCommand): string =>
  task === 'classify'
    ? 'Files are written only with --out or --save, and replaced only with --overwrite.'
    : `Files go below --out and keep the folders of the images. If two images share a stem, their files keep the whole file
name. Files are replaced only with --overwrite.`;

const shipped = 'The model "facade" comes with the package: windows, balconies, cars and plants on street images.';

const about: Readonly<Record<TaskCommand, string>> = {
  predict: shipped,
  detect: shipped,
  segment: shipped,
  classify:
    "The network sees the middle of each image as in ImageNet's evaluation: short side resized, a square cut out.\nThe package ships no classifier.",
  pose: `There is one pose in each box. --detector finds the boxes with a second model, in one decoded image; --boxes takes
COCO's results or annotations (images found by their ids or, with --coco-images, by file_name), or the JSON of \`moganet
detect\`. Without either, each image is one box. A pose's score is that of its box times the mean of its keypoints above
0.2. Keypoints may lie outside of the image. The pose model that the package ships knows drawn people only (samples/poses).`,
};

function examplesOf(task: TaskCommand): string {
  if (task === 'classify') {
    return `Examples:
  moganet classify cat.jpg --model moganet_xt --pull
  moganet classify holiday/ --model trained.safetensors --top 3 --json > classes.json
  moganet classify holiday/ --model trained.safetensors --save overlay,json --out classes`;
  }
  if (task === 'pose') {
    return `Examples:
  moganet pose crowd.jpg --model moganet_t_coco_256x192 --detector mask_rcnn_moganet_xt_fpn_1x_coco --pull
  moganet pose person.jpg --model pose.pth
  moganet detect street/ --model detector.pth --classes person --json > boxes.json
  moganet pose street/ --model pose.pth --boxes boxes.json --save overlay,coco,labelme
  moganet pose val2017/ --model pose.pth --boxes person_detections.json --detector-score 0.5 --json > poses.json
  ffmpeg … | moganet pose - --frames auto --model pose.pth --detector detector.pth`;
  }
  const lines = [
    `${task} photo.jpg`,
    `${task} holiday/ --recursive --out overlays${task === 'segment' ? '' : ' --score 0.5'}`,
    `${task} 'photos/*.jpg' --json > results.json`,
    `${task} photo.jpg --save ${task === 'segment' ? 'labels,json' : 'overlay,coco,labelme'}`,
  ].map((words) => `  moganet ${words}`);
  lines.push(`  curl -s https://example.com/photo.jpg | moganet ${task} - > overlay.png`);
  if (task !== 'segment') lines.push(`  moganet ${task} street/ --classes car,window --max 20 --iou 0.6`);
  return ['Examples:', ...lines].join('\n');
}
