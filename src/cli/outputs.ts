import { basename, dirname, relative, sep } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { nearestName } from '../errors.ts';
import { UsageError } from './failure.ts';
import type { Task } from './tasks.ts';

type Library = typeof import('../node.ts');
type Config = import('../node.ts').ModelConfig;
type Result = import('../node.ts').Result;
type RenderOptions = import('../node.ts').RenderOptions;

/** What is written about an image. */
export const saves = ['overlay', 'labels', 'masks', 'json', 'coco', 'labelme', 'yolo'] as const;
export type Save = (typeof saves)[number];

/** What an overlay shows. */
export type What = 'detections' | 'segmentation' | 'classification';

/** One file per image: its name is `<stem>.<suffix>`. */
export interface Output {
  readonly save: Save;
  readonly suffix: string;
  readonly draw?: What | 'both';
}

const suffixes: Readonly<Record<Exclude<Save, 'overlay'>, string>> = {
  labels: 'labels.png',
  masks: 'masks.png',
  json: 'result.json',
  coco: 'coco.json',
  labelme: 'labelme.json',
  yolo: 'yolo.txt',
};

const descriptions: Readonly<Record<Save, string>> = {
  overlay: 'drawn on the photo: detections.png, segmentation.png or classification.png (the default)',
  labels: 'the class of every pixel as a number, 0 the first class: labels.png',
  masks: 'the instance at every pixel as a number from 1, 0 for none: masks.png',
  json: 'the result as --json writes it, one file per photo: result.json',
  coco: "COCO's results format: coco.json",
  labelme: 'for the annotation tool labelme: labelme.json',
  yolo: "YOLO's text, outlines where the model gives masks, boxes otherwise: yolo.txt",
};

/** What models for a task can give at all. */
export const savesOf: Readonly<Record<Task, readonly Save[]>> = {
  predict: saves,
  detect: ['overlay', 'masks', 'json', 'coco', 'labelme', 'yolo'],
  segment: ['overlay', 'labels', 'json', 'labelme'],
  classify: ['overlay', 'json'],
};

/** Part of the help. */
export function saveHelp(task: Task): string {
  const lines = savesOf[task].map((save) => `  ${save.padEnd(8)} ${descriptions[save]}`);
  return `--save takes one or more, with commas between them; names are <stem>.<what>.<ext>:\n${lines.join('\n')}`;
}

/** The words of `--save`. */
export function saveList(text: string, before: readonly Save[] = []): readonly Save[] {
  const words = text.split(',').map((word) => word.trim());
  for (const word of words) {
    if ((saves as readonly string[]).includes(word)) continue;
    const near = nearestName(word, saves);
    throw new InvalidArgumentError(
      `"${word}" is none of ${saves.join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`,
    );
  }
  return [...new Set([...before, ...(words as Save[])])];
}

/** What an overlay of this model can show. */
export function picturesOf(task: Task, { detector, segmentor, classifier }: Config): What[] {
  if (task === 'segment') return ['segmentation'];
  return [
    ...(detector ? (['detections'] as const) : []),
    ...(segmentor ? (['segmentation'] as const) : []),
    ...(classifier ? (['classification'] as const) : []),
  ];
}

/**
 * The files of each image.
 *
 * @param name what messages call the model
 * @param joined one picture of everything, where there is room for one only
 * @throws UsageError where the model cannot give what is asked for
 */
export function outputsOf(
  asked: readonly Save[],
  { task, name, config, joined }: { task: Task; name: string; config: Config; joined: boolean },
): Output[] {
  const whats = picturesOf(task, config);
  const instances = whats.includes('detections');
  const regions = whats.includes('segmentation');
  const masks = instances && config.detector && 'mask' in config.detector && config.detector.mask;
  const needs: Partial<Record<Save, readonly [able: unknown, what: string]>> = {
    labels: [regions, 'no map of classes'],
    masks: [masks, 'no masks'],
    coco: [instances, 'no instances'],
    labelme: [instances || regions, 'neither instances nor regions'],
    yolo: [instances, 'no instances'],
  };
  return asked.flatMap((save): Output[] => {
    const [able, what] = needs[save] ?? [true];
    if (!able) throw new UsageError(`${name} gives ${what} here, which --save ${save} needs.`);
    if (save !== 'overlay') return [{ save, suffix: suffixes[save] }];
    if (joined && whats.length > 1) return [{ save, suffix: 'overlay.png', draw: 'both' }];
    return whats.map((draw) => ({ save, suffix: `${draw}.png`, draw }));
  });
}

/** The bytes of one output. `path` is where they go; nowhere on stdout. */
export function contentOf(
  library: Library,
  { save, draw }: Output,
  result: Result,
  { file, path, render }: { file: string; path?: string | undefined; render: RenderOptions },
): Uint8Array {
  switch (save) {
    case 'overlay':
      return library.encodePng(result.render({ ...render, ...(draw && { draw }) }));
    case 'labels':
      return result.toLabelPng();
    case 'masks':
      return result.toInstancePng();
    case 'json':
      return json(result.toJSON());
    case 'coco':
      return json(result.toCOCO({ imageId: imageIdOf(file) }));
    case 'labelme':
      return json(result.toLabelme({ imagePath: path === undefined ? basename(file) : pathFrom(path, file) }));
    case 'yolo':
      return new TextEncoder().encode(result.toYOLO({ segments: result.masks !== undefined }));
  }
}

const json = (value: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(value)}\n`);

const pathFrom = (path: string, file: string): string =>
  /^https?:\/\//i.test(file) ? file : relative(dirname(path), file).split(sep).join('/');

/** COCO's own images are named by their id: `000000000139.jpg`. */
function imageIdOf(file: string): number | string {
  const stem = basename(file).replace(/(?<=.)\.[^.]*$/, '');
  return /^\d{1,15}$/.test(stem) ? Number(stem) : stem;
}
