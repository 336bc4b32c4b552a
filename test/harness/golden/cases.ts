import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, delimiter, dirname, join, resolve } from 'node:path';
import { type Shape, sizeOf } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import type { Engine } from '../../../src/nn/index.ts';
import { type GoldenCase, openCase } from '../golden.ts';
import { checkpointCases, runners as checkpointRunners, runSmallCheckpoint } from './checkpoints.ts';
import { runDetection, runSegmentation } from './end_to_end.ts';
import { runners as evaluationRunners } from './evaluation.ts';
import { runners as imageRunners } from './images.ts';
import { expectModelKeys, type ModelKeyList } from './key_lists.ts';
import { expectLayout, type LayoutMapSpec } from './layout_maps.ts';
import { runModule } from './modules.ts';
import { type CostRowSpec, expectCosts } from './network_costs.ts';
import { expectKeys, type KeyList, networkRunners } from './networks.ts';
import { runRoiAlign } from './pooled_regions.ts';
import { runners as poseRunners } from './pose.ts';
import { expectPoseKeys, type PoseKeyList, runPoseHead, runPoseModel } from './pose_networks.ts';
import { runners as postprocessRunners } from './postprocess.ts';
import type { EngineRunner } from './run_graph.ts';
import { runWholeModel } from './whole_models.ts';

/** The cases of a golden folder. Each passes, fails or is not supported. */

export interface Case {
  readonly name: string;
  readonly kind: string;
  /** Printed but not counted, since the reference itself has no answer. */
  readonly informative: boolean;
  /** Set if the case must run on every engine. `small` ones run on plain JavaScript, too. */
  readonly onEngines?: { readonly small: boolean } | undefined;
  /** Without an engine, checks the part that needs none. @throws GoldenMismatch or UnsupportedError */
  run(engine?: Engine): Promise<void>;
}

type Runner = (golden: GoldenCase) => Promise<void>;

const plainRunners: Readonly<Record<string, Runner>> = {
  ...postprocessRunners,
  ...imageRunners,
  ...checkpointRunners,
  ...evaluationRunners,
  ...poseRunners,
};

/** Runners of heads and whole models on an engine. The kinds are the words of the golden files. */
export const headRunners: Readonly<Record<string, EngineRunner>> = {
  module: runModule,
  full: runWholeModel,
  full_swap: runWholeModel,
  detector: runDetection,
  segmentor: runSegmentation,
  roi_align: runRoiAlign,
  pose_head: runPoseHead,
  pose_model: runPoseModel,
};

const networkKinds = ['forward', 'trace', 'resize'];

/** The missing feature of other kinds. */
const missing: Readonly<Record<string, string>> = {
  train: 'training',
  train_step: 'training',
  losses: 'training',
  assigner: 'training',
  optimizer: 'training',
  lr: 'training',
};

/**
 * Lists every case of a folder: its index, checkpoints, key lists, cost rows and layout maps, and those of its
 * `heads/`, `eval/` and `pose/`.
 *
 * @throws Error if the folder has no index
 */
export function casesOf(folder: string): Case[] {
  const index = join(folder, 'index.json');
  if (!existsSync(index)) throw new Error(`${folder}: not a golden folder. index.json is missing.`);
  const { cases, checkpoints = [] }: Index = readJson(index);
  const written = cases.map((entry) => {
    const path = join(folder, entry.json ?? `${entry.case}.json`);
    return { name: entry.case, path, json: readJson<CaseJson>(path) };
  });
  const inside = partFolders.map((part) => join(folder, part)).filter((part) => existsSync(join(part, 'index.json')));
  return [
    ...written.map(({ name, path, json }) => caseOf(dirname(path), basename(path, '.json'), json, name)),
    ...checkpoints.map((file) => plain(file, 'checkpoint', () => runSmallCheckpoint(join(folder, file), written))),
    ...checkpointCases(folder).map(({ name, run }) => plain(name, 'checkpoint', run)),
    ...keyLists(folder),
    ...rowsOf<CostRowSpec>(folder, 'macs.json', 'rows').map((row) =>
      plain(`macs: ${row.model} at ${row.input.join('×')}`, 'cost', () => expectCosts(row)),
    ),
    ...rowsOf<LayoutMapSpec>(folder, 'layouts.json', 'maps').map((row) =>
      plain(`layout: ${row.map}`, 'layout', () => expectLayout(row, folder)),
    ),
    ...inside.flatMap(casesOf),
  ];
}

interface Index {
  readonly cases: readonly {
    readonly case: string;
    /** The file of the case below the folder, by default the name of the case. */
    readonly json?: string;
  }[];
  /** Files that cases of the folder load. `checkpoints/` has a separate index. */
  readonly checkpoints?: readonly string[];
}

/** Folders in a golden folder that have an index of their own. */
const partFolders = ['heads', 'eval', 'pose'];

/** Returns the folders that `MOGANET_GOLDEN` names, separated as in PATH; `fallback` by default. */
export function foldersFrom(variable: string | undefined, fallback: string): string[] {
  const named = (variable ?? '').split(delimiter).filter(Boolean);
  const folders = [...new Set((named.length > 0 ? named : [fallback]).map((folder) => resolve(folder)))];
  // a `heads/`, `eval/` or `pose/` is part of the folder around it
  const isPart = (folder: string) => partFolders.some((part) => folders.some((other) => folder === join(other, part)));
  return folders.filter((folder) => !isPart(folder));
}

// biome-ignore lint/suspicious/noExplicitAny: the fields differ by kind
type CaseJson = any;

/** The tensors are opened when the case is run. @param file of the case, without its ending */
function caseOf(folder: string, file: string, json: CaseJson, name: string): Case {
  const kind: string = json.kind ?? json.type;
  const [needsNone, needsEngine] = [plainRunners[kind], engineRunner(kind)];
  return {
    name,
    kind,
    informative: /informative only/i.test(json.note ?? ''),
    onEngines: needsEngine && { small: workOf(folder, json) <= smallWork },
    run: async (engine) => {
      if (engine && needsEngine) return needsEngine(await openCase(folder, file), engine);
      if (needsNone) return needsNone(await openCase(folder, file));
      if (!needsEngine) throw new UnsupportedError(`${missing[kind] ?? `the kind "${kind}"`} is not supported yet`);
    },
  };
}

function engineRunner(kind: string) {
  if (networkKinds.includes(kind)) {
    return (golden: GoldenCase, engine: Engine) => networkRunners(engine)[kind]!(golden);
  }
  return Object.hasOwn(headRunners, kind) ? headRunners[kind] : undefined;
}

function plain(name: string, kind: string, run: () => void | Promise<void>): Case {
  return { name, kind, informative: false, run: async () => run() };
}

function keyLists(folder: string): Case[] {
  return ['keys', 'keys_swap'].flatMap((name) => {
    const within = join(folder, name);
    if (!existsSync(within)) return [];
    const files = readdirSync(within).filter((file) => file.endsWith('.json'));
    return files.flatMap((file) => {
      const list: KeyList | ModelKeyList | PoseKeyList = readJson(join(within, file));
      if (!Array.isArray(list.keys)) return []; // tables about the lists
      if (isPoseList(list)) return [plain(`${name}/${file}`, list.kind, () => expectPoseKeys(list))];
      const expect = () => (isModelList(list) ? expectModelKeys(list) : expectKeys(list));
      return [plain(`${name}/${file}`, 'keys', expect)];
    });
  });
}

const isPoseList = (list: object): list is PoseKeyList => 'kind' in list && list.kind === 'pose_keys';

/** Lists of whole models give a model's name, lists of backbones an object. */
const isModelList = (list: KeyList | ModelKeyList): list is ModelKeyList => typeof list.model === 'string';

function rowsOf<T>(folder: string, file: string, field: string): readonly T[] {
  const path = join(folder, file);
  return existsSync(path) ? readJson<Record<string, readonly T[]>>(path)[field]! : [];
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8'));
}

/**
 * The most work that plain JavaScript does in seconds. The measure is parameters times positions of the input, which
 * grows like the multiply-adds: MogaNet-XT at 64×96 has 18 billion, the nano trace 0.6, the small UPerNet end to end 8.
 */
const smallWork = 8e9;

function workOf(folder: string, json: CaseJson): number {
  const inputs: readonly { shape?: Shape }[] = json.inputs ?? [json.input ?? {}];
  const positions = inputs.reduce((sum, { shape }) => sum + (shape ? sizeOf([shape[0]!, ...shape.slice(2)]) : 0), 0);
  const { pad_shape, batch_input_shape = pad_shape } = json.img_metas?.[0] ?? {};
  const pixels = batch_input_shape ? json.img_metas.length * sizeOf(batch_input_shape) : 0;
  return parametersIn(folder, json) * Math.max(positions, pixels);
}

function parametersIn(folder: string, { weights, checkpoint }: CaseJson): number {
  if (checkpoint) return statSync(join(folder, checkpoint)).size / 4;
  if (!weights?.keys) return 1;
  const keys: KeyList['keys'] = Array.isArray(weights.keys)
    ? weights.keys
    : readJson<KeyList>(keyFile(folder, weights.keys)).keys;
  return keys.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
}

const keyFile = (folder: string, name: string): string =>
  name.endsWith('.json') ? join(folder, name) : join(folder, 'keys', `${name}.json`);
