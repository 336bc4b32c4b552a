import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createModel,
  entries,
  findEntry,
  type ImageRef,
  loadModel,
  type Model,
  modelParameters,
  type Raster,
} from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { seededWeight } from '../../test/harness/seeded.ts';
import { builtProgram } from '../built.ts';
import type { Job, Peak } from '../memory_child.ts';
import type { Options } from '../options.ts';
import { filesFolder, pythonWith } from '../peers.ts';
import { boxesIn, photo, pixelsOf } from '../photo.ts';
import type { Cell, Report } from '../report.ts';
import type { Ratio } from '../statistics.ts';

/** The network whose memory is measured. */
const measured = 'moganet_t';
const input = { height: 256, width: 192 };
const people = 20;
const many = 200;

/** Official pose models with seeded weights: the boxes of one image in one call beside one by one, and the memory of many. */
export async function pose(options: Options): Promise<Report> {
  const { engines, peers, threads } = options;
  const networks = options.networks.filter((network) => entries.some(({ name }) => name === entryOf(network)));
  const image = await pixelsOf(photo);
  const rows: Cell[][] = [];
  const ratios: Ratio[] = [];
  for (const network of networks) {
    const weights = await weightsFile(network);
    for (const engine of engines) {
      await using model = await loadModel({ config: configOf(network), weights }, { engine, threads });
      const { together, alone, mirrored, mirroredAlone, file, fileAlone } = await timesOf(model, image, options);
      rows.push([network, engine, together, alone, mirrored, mirroredAlone, file, fileAlone]);
      const name = `pose ${engine}: ${people} boxes of ${network} together / one by one`;
      ratios.push(
        { name, value: together / alone, most: 0.7 },
        { name: `${name}, mirrored as well`, value: mirrored / mirroredAlone, most: 0.9 },
        { name: `${name}, of a file`, value: file / fileAlone, most: 0.7 },
      );
    }
    const torch = peers.includes('torch') ? await torchOf(network, options) : undefined;
    if (torch) rows.push([network, torch.version, torch.msPerCrop[people], torch.msPerCrop[1]]);
  }
  const weights = await weightsFile(measured);
  const program = await builtProgram('memory_child');
  const memory = [1, people, many].map((boxes) => {
    const job: Job = {
      kind: 'predict',
      model: entryOf(measured),
      weights,
      photo,
      height: 800,
      width: 1280,
      threads,
      boxes,
    };
    const text = execFileSync(process.execPath, [program, JSON.stringify(job)], { encoding: 'utf8' });
    return { boxes, ...(JSON.parse(text) as Peak) };
  });
  const [least, ...others] = memory.map(({ laterBytes }) => laterBytes / 1e6);
  const value = (others.at(-1) ?? Number.NaN) - (least ?? Number.NaN);
  ratios.push({ name: `pose: memory of ${many} boxes above one box`, value, unit: 'MB', most: 100 });
  return {
    tables: [
      {
        title: `pose: milliseconds per person at 256×192, ${people} boxes of one image, ${threads} threads`,
        columns: [
          'model',
          'engine',
          'together',
          'one by one',
          'mirrored, together',
          'mirrored, one by one',
          'file, together',
          'file, one by one',
        ],
        rows,
      },
      {
        title: `pose: largest resident memory of ${measured}`,
        columns: ['boxes', 'peak MB', 'after 4 images'],
        rows: memory.map(({ boxes, bytes, laterBytes }) => [`${boxes}`, bytes / 1e6, laterBytes / 1e6]),
      },
    ],
    ratios,
    notes: [],
  };
}

/** The name of the pose model on a network. */
const entryOf = (network: string): string => `${network}_coco_256x192`;

const configOf = (network: string) => findEntry(entryOf(network)).config;
/** Writes seeded weights. @returns the file */
async function weightsFile(network: string): Promise<string> {
  mkdirSync(filesFolder, { recursive: true });
  const file = join(filesFolder, `${entryOf(network)}.safetensors`);
  const parameters = modelParameters(createModel(configOf(network)));
  const weights = new Map(parameters.map(({ key, shape }) => [key, seededWeight(key, shape)]));
  writeFileSync(file, await writeSafetensors(weights).bytes());
  return file;
}

/** Returns the least milliseconds per person of each way, which take turns. */
async function timesOf(model: Model, image: Raster, { seconds, rounds }: Pick<Options, 'seconds' | 'rounds'>) {
  const boxes = boxesIn(image, people);
  const ways = {
    together: () => model.predict(image, { boxes, flip: false }),
    alone: () => oneByOne(false),
    mirrored: () => model.predict(image, { boxes, flip: true }),
    mirroredAlone: () => oneByOne(true),
    file: () => model.predict(photo, { boxes, flip: false }),
    fileAlone: () => oneByOne(false, photo),
  };
  const oneByOne = async (flip: boolean, of: ImageRef = image) => {
    for (const box of boxes) await model.predict(of, { boxes: [box], flip });
  };
  const least = Object.fromEntries(Object.keys(ways).map((way) => [way, Infinity])) as Record<
    keyof typeof ways,
    number
  >;
  const end = performance.now() + 1000 * seconds;
  for (let round = 0; round < rounds && (round < 2 || performance.now() < end); round++) {
    for (const [name, run] of Object.entries(ways) as [keyof typeof ways, () => Promise<unknown>][]) {
      const start = performance.now();
      await run();
      least[name] = Math.min(least[name], (performance.now() - start) / people);
    }
  }
  return least;
}

interface TorchTimes {
  readonly version: string;
  readonly msPerCrop: Readonly<Record<string, number>>;
}

/** Returns the times of PyTorch eager, for the network alone. Undefined if there is no PyTorch. */
async function torchOf(network: string, { threads, seconds }: Options): Promise<TorchTimes | undefined> {
  const python = await pythonWith(['torch']);
  if (python === undefined) return undefined;
  const job = { network, batches: [1, people], ...input, threads, seconds };
  const program = fileURLToPath(new URL('../peers/pose.py', import.meta.url));
  const { version, msPerCrop } = JSON.parse(execFileSync(python, [program, JSON.stringify(job)], { encoding: 'utf8' }));
  return { version: `PyTorch ${version}`, msPerCrop };
}
