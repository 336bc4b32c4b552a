import { existsSync, readFileSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import type { Boxes, ModelConfig, PredictOptions } from '../node.ts';
import { type BoxesReading, readBoxes } from './boxes.ts';
import { classLists, classListsOf } from './class_lists.ts';
import { checkDetector, classOfPose, type LoadChoice } from './detector.ts';
import { OutputError, UsageError } from './failure.ts';
import { type FramesChoice, refuseFrames } from './frames.ts';
import { type ImageId, type ImageIds, idsByStem, idsFromCoco, type StatedSize } from './image_ids.ts';
import { type Input, outputNames } from './inputs.ts';
import { checkTask, chooseInstances, type InstanceChoice, type Kind, type Library, type TaskCommand } from './model.ts';
import {
  checkFolder,
  folded,
  kindsShown,
  type Output,
  outputStems,
  outputsOf,
  ownEndings,
  refuseExisting,
  type Save,
} from './outputs.ts';
import type { InputChoice } from './run_options.ts';

/** What a run over images will do and write: everything that can be refused is refused here, before the weights are loaded. */

/** What a command line asks for. */
export interface ImagesJob extends InstanceChoice, InputChoice, LoadChoice {
  readonly task: TaskCommand;
  /** Files, folders, patterns or URLs; `-` alone for an image from stdin. */
  readonly images: readonly string[];
  readonly recursive?: boolean | undefined;
  /** A file with the boxes for poses, with the class and the least score of those that are taken. */
  readonly boxes?: string | undefined;
  readonly detectorClass?: string | undefined;
  readonly detectorScore?: number | undefined;
  /** Similar poses are dropped. */
  readonly oks?: number | undefined;
  /** Published weights may be downloaded. */
  readonly pull?: boolean | undefined;
  readonly threads?: number | undefined;
  /** Models that run at a time; by default the number of images decides. */
  readonly workers?: number | undefined;
  /** How the frames of a video on stdin are written. */
  readonly frames?: FramesChoice | undefined;
  /** The folder for files, or `-` for stdout; without it none are written. */
  readonly out: string | undefined;
  /** What is written there, by default overlays. */
  readonly save?: readonly Save[] | undefined;
  /** Names of the files for labelme and YOLO: `stem` as those tools look for them. By default `kind`, as all others. */
  readonly names?: 'kind' | 'stem' | undefined;
  /** A COCO file that has the ids of the images. */
  readonly cocoImages?: string | undefined;
  readonly overwrite?: boolean | undefined;
  /** A font file for characters that the built-in font lacks. */
  readonly font?: string | undefined;
  /** Least score of instances or poses that are drawn and printed; by default 0.3 for instances, and 0 for poses. */
  readonly score?: number | undefined;
  /** Least score of keypoints that are drawn. */
  readonly keypointScore?: number | undefined;
  /** How many classes of a classification are drawn and printed. */
  readonly top?: number | undefined;
  /** JSON on stdout. */
  readonly json?: boolean | undefined;
}

/** What is done with each image, settled before the weights are loaded. */
export interface Plan {
  readonly inputs: readonly PlannedInput[];
  readonly outputs: readonly Output[];
  /** The tasks that the results hold. */
  readonly kinds: readonly Kind[];
  readonly chosen: InstanceChoice;
  /** Least score of instances or poses that are shown; undefined if there are none. */
  readonly score: number | undefined;
  /** Set if the model has a head that nobody asked for. */
  readonly only: PredictOptions['only'];
  /** Files that are written once, by their paths. */
  readonly once: ReadonlyMap<string, string>;
  /** Sentences for the user before the run. */
  readonly notices: readonly string[];
}

export interface PlannedInput extends Input {
  /** Paths of its outputs, in their order; empty if they go to stdout or nowhere. */
  readonly paths: readonly string[];
  /** Its id in COCO's results. */
  readonly imageId: ImageId;
  /** The boxes in which a pose model looks. A file gives them. */
  readonly boxes?: Boxes | undefined;
  /** The size that the file of the boxes states for the image. */
  readonly statedSize?: StatedSize | undefined;
}

/**
 * Drops the head that `detect` does not need.
 *
 * @throws UsageError if the model cannot do the task, or if the detector does not find what it needs
 */
export function configFor(library: Library, { task, model, detector }: ImagesJob, config: ModelConfig): ModelConfig {
  checkTask(task, model.name, config);
  if (detector) checkDetector(library, detector, model.name, config);
  return task === 'detect' ? { ...config, segmentation: undefined } : config;
}

/**
 * Plans the outputs before the weights are loaded.
 *
 * @throws UsageError if the model cannot give what is asked for, OutputError if a file exists
 */
export function planOf(library: Library, job: ImagesJob, inputs: readonly Input[], config: ModelConfig): Plan {
  const { task, out, save = ['overlay'], model, overwrite } = job;
  const toStdout = out === '-';
  const outputs = out === undefined ? [] : outputsOf(save, { task, name: model.name, config, joined: toStdout });
  const chosen = chooseInstances(library, job, model.name, config);
  const files = inputs.map(({ file }) => file);
  const ids = outputs.some(({ save }) => save === 'coco') ? imageIdsOf(job, inputs) : undefined;
  if (job.cocoImages !== undefined && !ids && job.boxes === undefined) {
    throw new UsageError('--coco-images gives ids to --save coco: add it.');
  }
  const given = boxesOf(library, job, inputs, config);
  const names = job.names ?? 'kind';
  if (job.frames !== undefined && (names === 'stem' || job.cocoImages !== undefined)) {
    throw new UsageError('frames of a video are numbered from 1: leave out --names stem and --coco-images.');
  }
  if (names === 'stem' && !outputs.some(hasOwnName)) {
    throw new UsageError('--names stem is for the files of --save labelme and --save yolo: add one of them.');
  }
  let paths: string[][] = [];
  let once: ReadonlyMap<string, string> = new Map();
  if (toStdout) checkStdout(outputs);
  else if (out !== undefined) {
    const suffixes = outputs.map(({ suffix }) => suffix);
    paths = outputNames(inputs, out, suffixes);
    if (names === 'stem') {
      paths = inputs.map((input, i) => outputs.map((output, k) => ownName(input, output, out) ?? paths[i]?.[k] ?? ''));
      if (outputs.some(({ save }) => save === 'yolo')) once = classFiles(library, out, config);
      checkOwnNames(files, paths, [...once.keys()]);
    }
    checkFolder(out);
    if (!overwrite) {
      if (job.frames !== undefined) refuseFrames(out);
      refuseExisting(paths.flat(), 'choose another folder with --out');
      refuseOthers(once);
    }
  }
  return {
    inputs: inputs.map((input, i) => ({
      ...input,
      paths: paths[i] ?? [],
      imageId: ids?.ids[i] ?? input.file,
      boxes: given?.boxes[i],
      statedSize: given?.sizes[i],
    })),
    outputs,
    kinds: kindsShown(task, config),
    chosen,
    score: leastScore(job, config),
    // the detection head stays loaded: both heads share the backbone, and the preprocessing is the detector's
    only: task === 'segment' && config.detection ? 'segmentation' : undefined,
    once,
    notices: [
      ...(ids?.notice === undefined ? [] : [ids.notice]),
      ...(given?.notices ?? []),
      ...(config.pose && !job.detector && !given ? [wholeImages(task)] : []),
    ],
  };
}

/** Least score of what is shown. Poses are few, and their boxes have a least score already. */
function leastScore({ task, score }: ImagesJob, { pose }: ModelConfig): number | undefined {
  if (pose) return score ?? 0;
  return task === 'predict' || task === 'detect' ? (score ?? 0.3) : undefined;
}

/** Says what a pose model sees without boxes. */
const wholeImages = (task: TaskCommand): string =>
  task === 'pose'
    ? 'Each image is one box, with one pose. --detector finds boxes, --boxes takes them from a file.'
    : 'Each image is one box, with one pose. `moganet pose --detector` finds boxes first.';

/** @throws UsageError if the boxes of the job cannot be used */
function boxesOf(
  library: Library,
  { boxes, detector, frames, detectorClass, detectorScore, cocoImages }: ImagesJob,
  inputs: readonly Input[],
  { pose }: ModelConfig,
): BoxesReading | undefined {
  if (boxes === undefined || !pose) return undefined;
  if (detector) throw new UsageError('--boxes and --detector both give the boxes. Choose one of them.');
  if (frames !== undefined) throw new UsageError('--boxes is for images, not for frames of a video. Use --detector.');
  const files = inputs.map(({ file, name }) => name ?? file);
  const choice = {
    class: detectorClass ?? classOfPose(library, pose),
    score: detectorScore ?? 0.3,
    crop: pose.input,
    cocoImages,
  };
  return readBoxes(library, boxes, files, choice);
}

function imageIdsOf({ cocoImages }: ImagesJob, inputs: readonly Input[]): ImageIds {
  const files = inputs.map(({ file, name }) => name ?? file);
  if (cocoImages !== undefined) return idsFromCoco(cocoImages, files);
  const stems = outputNames(inputs, '', ['']).map(([path = '']) => path.slice(0, -1).split(sep).join('/'));
  return idsByStem(files, stems);
}

const hasOwnName = ({ save }: Output): boolean => ownEndings[save] !== undefined;

/** The path that the tool of an output looks for: that of the image, with another ending. */
function ownName(input: Input, { save }: Output, out: string): string | undefined {
  const ending = ownEndings[save];
  if (ending === undefined) return undefined;
  const [stem = ''] = outputStems([join(input.folder, input.name ?? basename(input.file))]);
  return join(out, `${stem}${ending}`);
}

/** The tools find their files by the images' stems, so no number can keep them apart. */
function checkOwnNames(
  files: readonly string[],
  paths: readonly (readonly string[])[],
  others: readonly string[],
): void {
  const owners = new Map(others.map((path) => [folded(path), 'the list of classes']));
  for (const [i, file] of files.entries()) {
    for (const path of paths[i] ?? []) {
      const other = owners.get(folded(path));
      if (other !== undefined) {
        throw new UsageError(
          `${other} and ${file} would both be written to ${path}. Rename the image, give it a run and a folder of its own, or leave out --names stem.`,
        );
      }
      owners.set(folded(path), file);
    }
  }
}

function classFiles(library: Library, out: string, { detection, pose }: ModelConfig): ReadonlyMap<string, string> {
  const { classes, keypoints } = pose ? library.poseDatasetOf(pose) : library.datasetOf(detection ?? {});
  const texts = classListsOf(classes, keypoints);
  return new Map(classLists.map((name) => [join(out, name), texts[name]]));
}

/** A list of the same classes may stay: another run wrote it. */
function refuseOthers(files: ReadonlyMap<string, string>): void {
  for (const [path, text] of files) {
    if (!existsSync(path) || readFileSync(path, 'utf8') === text) continue;
    throw new OutputError(
      `${path} exists already and lists other classes. Replace with --overwrite, or choose another folder with --out.`,
    );
  }
}

function checkStdout(outputs: readonly Output[]): void {
  if (outputs.length > 1) {
    const words = [...new Set(outputs.map(({ save }) => save))].join(', ');
    throw new UsageError(
      `--out - writes one file to stdout, not ${outputs.length} (${words}). Give --save one of them.`,
    );
  }
  if (process.stdout.isTTY && outputs.some(({ suffix }) => suffix.endsWith('.png'))) {
    throw new UsageError('a terminal shows no PNG: redirect stdout to a file (> overlay.png), or give --out a folder.');
  }
}
