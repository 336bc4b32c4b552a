import { basename, dirname, extname, join } from 'node:path';
import type { Command } from 'commander';
import type { ModelDefinition } from '../node.ts';
import { addWeightsOptions } from './arguments.ts';
import { loadingEndsAtOnce, UsageError } from './failure.ts';
import { chooseModel } from './model.ts';
import { checkFolder, refuseExisting, writeWhole } from './outputs.ts';
import { loadingDisplay, openTerminal } from './terminal.ts';
import { worded } from './words.ts';

interface Options {
  readonly weights?: string;
  readonly pull?: boolean;
  readonly out?: string;
  readonly backbone?: boolean;
  readonly optimise?: boolean;
  readonly ema?: boolean;
  readonly prefix?: string;
  readonly ignore?: readonly string[];
  readonly sample?: boolean;
  readonly overwrite?: boolean;
  readonly quiet?: boolean;
}

const help = `
A model for classification, segmentation or poses, and a backbone, is one file: image in, logits, heatmaps or pyramid out.
A two-stage detector is features.onnx, box.onnx and mask.onnx. model.json has the facts: parts, shapes, class names,
anchors and the configuration. docs/onnx.md explains preprocessing, the steps between the parts, and postprocessing.
Batch, height and width are free in every file. A file has no inputs but images, maps and regions. Opset 17. Weights near
2 GB are a second file beside the first.

Examples:
  moganet export facade
  moganet export moganet_xtiny.pth --out moganet_xt.onnx
  moganet export moganet_xtiny.pth --backbone --out backbone.onnx --optimise
  moganet export mask_rcnn_moganet_xt_fpn_1x_coco --weights detector.pth --out onnx/`;

/** `moganet export`: writes a model as ONNX files for other runtimes. */
export function addExportCommand(program: Command): void {
  const command = program
    .command('export')
    .summary('write a model as ONNX files for other runtimes')
    .description('Writes a model as ONNX files for any runtime, with a JSON file of the facts that a program needs.')
    .argument('<model>', 'a name (see `moganet models`), a config.json or a checkpoint')
    .option('--weights <file>', "the model's checkpoint, if the model does not bring its weights")
    .option('--pull', 'download published weights if they are missing')
    .option('-o, --out <path>', 'a folder, or the .onnx file of a model of one part (default: <name>-onnx)')
    .option('--backbone', 'only the backbone, from image to pyramid')
    .option('--optimise', "fold norms and scales into convolutions; names are then no longer the checkpoint's");
  addWeightsOptions(command)
    .option('--sample', "add sample.safetensors: inputs and this package's outputs, to compare another runtime with")
    .option('--overwrite', 'replace existing files')
    .option('-q, --quiet', 'only errors')
    .addHelpText('after', help)
    .action(exportModel);
}

async function exportModel(model: string, options: Options): Promise<void> {
  const { ema, prefix, ignore, pull, backbone = false, optimise = false } = options;
  const terminal = openTerminal({ quiet: options.quiet });
  const say = options.quiet ? () => {} : terminal.print;
  const library = await import('../node.ts');
  const chosen = chooseModel(library, model, { weights: options.weights, task: 'any', pull });
  const { out } = options;
  if (out !== undefined) checkFolder(isOnnx(out) ? dirname(out) : out);
  const read = await loadingEndsAtOnce({ pull }, loadingDisplay(terminal), (onProgress) =>
    library.readModel(chosen.ref, { ema, prefix, ignore, pull, onProgress }),
  );
  const { definition, weights, notices } = read;
  terminal.settle();
  for (const notice of notices) terminal.note(worded(notice));
  const { folder, stem, guide } = targetOf(out, definition, backbone);
  const { description, files } = library.exportOnnx(definition, weights, { backbone, optimise, stem });
  const sample = join(folder, `${stem ? `${stem}.` : ''}sample.safetensors`);
  const paths = [...description.parts.map(({ file }) => join(folder, file)), guide];
  if (options.sample) paths.push(sample);
  if (!options.overwrite) refuseExisting(paths, 'choose another path with --out');
  for (const { name, chunks } of files()) await write(say, join(folder, name), chunks);
  await write(say, guide, [new TextEncoder().encode(readableJson(description))]);
  if (options.sample) {
    const numbers = await library.exportSample(definition, weights, { engine: 'wasm', backbone });
    await write(say, sample, numbers.chunks());
  }
}

interface Target {
  readonly folder: string;
  /** Stem of a single file that was named. */
  readonly stem?: string;
  /** Path of the JSON file that describes the others. */
  readonly guide: string;
}

const isOnnx = (path: string): boolean => extname(path).toLowerCase() === '.onnx';

/** @throws UsageError if one file is named for several parts */
function targetOf(out: string | undefined, { config, parts }: ModelDefinition, backbone: boolean): Target {
  if (out === undefined || !isOnnx(out)) {
    const folder = out ?? `${config.name ?? 'model'}-onnx`;
    return { folder, guide: join(folder, 'model.json') };
  }
  const names = Object.keys(parts);
  if (!backbone && names.length > 1) {
    throw new UsageError(`${out}: the model has several parts (${names.join(', ')}). Give a folder, or --backbone.`);
  }
  const stem = basename(out, extname(out));
  return { folder: dirname(out), stem, guide: join(dirname(out), `${stem}.json`) };
}

/** Indented JSON, with short lists on one line. */
function readableJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  const short = text.replace(/\[\n\s+([^[\]{}]*?)\n\s+\]/g, (list, items: string) => {
    const line = `[${items.replace(/\n\s+/g, ' ')}]`;
    return line.length <= 80 ? line : list;
  });
  return `${short}\n`;
}

async function write(
  say: (line: string) => void,
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  let size = 0;
  async function* counted() {
    for await (const chunk of chunks) {
      size += chunk.byteLength;
      yield chunk;
    }
  }
  await writeWhole(path, counted());
  say(`${path}: ${size < 1e5 ? `${(size / 1e3).toFixed(1)} kB` : `${(size / 1e6).toFixed(1)} MB`}`);
}
