import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createModel, exportOnnx, findEntry, type ModelDefinition, modelParameters } from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { seededWeight } from '../../test/harness/seeded.ts';
import { builtProgram } from '../built.ts';
import type { Job, Peak } from '../memory_child.ts';
import type { Options } from '../options.ts';
import { filesFolder, filesOf, findPython, howToGetTorch } from '../peers.ts';
import { photo } from '../photo.ts';
import type { Cell, Report } from '../report.ts';
import type { Ratio } from '../statistics.ts';

const detector = 'mask_rcnn_moganet_t_fpn_1x_coco';
const segmentor = 'upernet_moganet_t_512x512_160k_ade20k';

/** Peaks of official models, with seeded weights: each in a process of plain Node that runs the built package. */
export async function memory({ threads }: Options): Promise<Report> {
  const program = await builtProgram('memory_child');
  const peakOf = (job: Job): Peak =>
    JSON.parse(execFileSync(process.execPath, [program, JSON.stringify(job)], { encoding: 'utf8' })) as Peak;
  const python = await findPython();
  const rows: Cell[][] = [];
  const ratios: Ratio[] = [];
  const row = (name: string, { bytes, laterBytes, found, shape }: Peak) =>
    rows.push([name, bytes / 1e6, laterBytes / 1e6, shape.join('×'), found]);

  const detection = peakOf({
    kind: 'predict',
    model: detector,
    weights: await weightsFile(detector),
    photo,
    height: 800,
    width: 1280,
    threads,
  });
  row('Mask R-CNN with MogaNet-T', detection);
  const features = { file: onnxFile(detector), shape: detection.shape, outputs: undefined, threads };
  row('its part `features` alone, by onnxruntime', peakOf({ kind: 'onnx', ...features }));
  const { exports } = await filesOf('moganet_t', python);
  for (const [form, file] of Object.entries(exports)) {
    const peak = peakOf({ kind: 'onnx', file, shape: detection.shape, outputs: undefined, threads });
    row(`its backbone, PyTorch's export (${form})`, peak);
    const value = detection.bytes / peak.bytes;
    ratios.push({ name: `memory: Mask R-CNN T / PyTorch's ${form} export of its backbone`, value, most: 1.2 });
    const later = detection.laterBytes / peak.laterBytes;
    ratios.push({ name: `memory: Mask R-CNN T / ${form} export, after four images`, value: later, most: 1.2 });
  }

  const segmentation = peakOf({
    kind: 'predict',
    model: segmentor,
    weights: await weightsFile(segmentor),
    photo,
    height: 1024,
    width: 2048,
    threads,
  });
  row('UperNet with MogaNet-T, 150 classes', segmentation);
  const own = peakOf({
    kind: 'onnx',
    file: onnxFile(segmentor),
    shape: segmentation.shape,
    outputs: ['seg_logits'],
    threads,
  });
  row('its network alone, by onnxruntime', own);
  ratios.push({
    name: 'memory: UperNet T on 2048×1024 above its network',
    value: (segmentation.bytes - own.bytes) / 1e6,
    unit: 'MB',
    most: 300,
  });

  const columns = ['process', 'peak MB', 'after 4 images', 'input', 'found'];
  const title = `memory: largest resident memory of a process with ${threads} threads`;
  const notes = Object.keys(exports).length > 0 ? [] : [howToGetTorch];
  return { tables: [{ title, columns, rows }], ratios, notes };
}

const definitionOf = (name: string): ModelDefinition => createModel(findEntry(name).config);
const weightsOf = (definition: ModelDefinition) =>
  new Map(modelParameters(definition).map(({ key, shape }) => [key, seededWeight(key, shape)]));

async function weightsFile(name: string): Promise<string> {
  const file = join(filesFolder, `${name}.safetensors`);
  mkdirSync(filesFolder, { recursive: true });
  if (!existsSync(file)) writeFileSync(file, await writeSafetensors(weightsOf(definitionOf(name))).bytes());
  return file;
}

/** Writes the part `features` as this package exports it, with its passes. */
function onnxFile(name: string): string {
  const definition = definitionOf(name);
  for (const { name: file, chunks } of exportOnnx(definition, weightsOf(definition), { optimise: true }).files()) {
    writeFileSync(join(filesFolder, `${name}.${file}`), Buffer.concat(chunks));
  }
  return join(filesFolder, `${name}.features.onnx`);
}
