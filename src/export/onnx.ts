import * as z from 'zod/mini';
import type { Named, Weights } from '../arrays.ts';
import type { KeypointSet } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import type { ResolvedConfig } from '../models/config.ts';
import { checkDefinition, type ModelDefinition } from '../models/create.ts';
import { type InputExtent, type Program, programOf, type RecordedPart, shapesOf } from '../nn/index.ts';
import { passes } from '../nn/optimise/index.ts';
import { anchorLevels } from '../postprocess/anchors.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';

/** A model as ONNX files, and `model.json` with their facts. docs/onnx.md says how other runtimes use both. */

/** Writes a program as a model file, and its weights separately if they are too large for it. */
export type WriteOnnx = (
  program: Program,
  weightsFile: string,
) => { readonly model: Uint8Array; readonly weights?: readonly Uint8Array[] };

/** What is exported, and in what form. */
export interface ExportOptions {
  /** Export only the path from the image to the pyramid, whatever heads the model has. */
  readonly backbone?: boolean | undefined;
  /** Fold norms and scales into convolutions. Weights and operators then have other names than the checkpoint's. */
  readonly optimise?: boolean | undefined;
  /** Name of the file without its ending, if there is only one part. By default files are named after their parts. */
  readonly stem?: string | undefined;
}

/** An input or output of a part. All values are float32. */
export interface ExportedPort {
  readonly name: string;
  /** Extents that depend on the input have names; `height / 4` is a fraction of the image's, rounded up, also in `8 * (height / 32)`. */
  readonly shape: readonly (number | string)[];
  /** The source of an input's values. */
  readonly from?: string | undefined;
}

export interface ExportedPart {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
}

/** The anchors of one pyramid level. */
export interface ExportedAnchors {
  readonly stride: number;
  /** The anchors of position (0, 0) as x1, y1, x2, y2 in pixels of the input. */
  readonly base: readonly (readonly number[])[];
}

/** The content of `model.json`. */
export interface ExportDescription {
  readonly format: 'moganet.onnx/2';
  readonly name: string;
  readonly parts: readonly ExportedPart[];
  /** Class names by task. */
  readonly classes?: Named<readonly string[]> | undefined;
  /** The keypoints of a pose model, in the order of its heatmaps. Indices count from 0. */
  readonly keypoints?: KeypointSet | undefined;
  /** Anchors of the detector, finest level first. */
  readonly anchors?: readonly ExportedAnchors[] | undefined;
  readonly config: ResolvedConfig;
}

/** A file to write: its chunks one after another. */
export interface ExportedFile {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
}

/** A model as ONNX files, with their description. */
export interface OnnxExport {
  readonly description: ExportDescription;
  /** Makes the files one by one, on demand. */
  files(): Generator<ExportedFile>;
}

export type ExportOnnx = (definition: ModelDefinition, weights: Weights, options?: ExportOptions) => OnnxExport;

/**
 * Returns the exporter of standalone ONNX: opset 17; batch, height and width symbolic; inputs are images, maps and regions only.
 *
 * @throws ConfigError if a stem is given for several parts; CheckpointError, from `files`, if a weight is missing
 */
export function onnxExporter(write: WriteOnnx): ExportOnnx {
  return (definition, weights, options = {}) => {
    checkExport(definition, weights, 'exportOnnx');
    const { backbone = false, optimise = false, stem } = validateOptions(exportOptions, options, 'exportOnnx');
    const { config } = definition;
    const parts = exportedParts(definition, backbone);
    if (stem !== undefined && parts.length > 1) {
      throw new ConfigError(
        `the model has several parts (${parts.map(({ name }) => name).join(', ')}): give a folder.`,
      );
    }
    const fileOf = ({ name }: RecordedPart) => `${stem ?? name}.onnx`;
    return {
      description: {
        format: 'moganet.onnx/2',
        name: config.name ?? 'model',
        parts: parts.map((part) => describe(part, fileOf(part))),
        classes: backbone ? undefined : classesOf(definition),
        keypoints: backbone ? undefined : definition.tasks.find(({ kind }) => kind === 'pose')?.dataset?.keypoints,
        anchors: backbone ? undefined : anchorsOf(config),
        config,
      },
      *files() {
        for (const part of parts) {
          const name = fileOf(part);
          const program = programOf(part.name, part.graph, weights, optimise ? passes : []);
          const { model, weights: separate } = write(program, `${name}.data`);
          yield { name, chunks: [model] };
          if (separate) yield { name: `${name}.data`, chunks: separate };
        }
      },
    };
  };
}

const exportOptions = z.strictObject({
  backbone: z.optional(z.boolean()),
  optimise: z.optional(z.boolean()),
  stem: z.optional(z.string()),
});

/** Checks what is exported. @throws ConfigError */
export function checkExport(definition: unknown, weights: unknown, call: string): void {
  checkDefinition(definition, call);
  if (isObject(weights) && typeof weights.get === 'function' && typeof weights.has === 'function') return;
  throw new ConfigError(
    `${call} takes weights as a Map from keys to arrays, as readModel and initialWeights give them, got ${foundIn(weights)}.`,
  );
}

/** Returns the parts to export. Those of a model with heads leave the pyramid out; `backbone` gives only that. */
export function exportedParts({ parts, pyramid, tasks }: ModelDefinition, backbone: boolean): RecordedPart[] {
  if (backbone) return [pyramid];
  if (tasks.length === 0) return Object.values(parts);
  return Object.values(parts).map(({ name, inputs, graph }) => {
    const outputs = Object.entries(graph.outputs).filter(([output]) => !/^stage\d+$/.test(output));
    return { name, inputs, graph: { ...graph, outputs: Object.fromEntries(outputs) } };
  });
}

function classesOf({ tasks }: ModelDefinition): Named<readonly string[]> | undefined {
  const classes = tasks.flatMap(({ kind, dataset }) => (dataset ? [[kind, dataset.classes] as const] : []));
  return classes.length > 0 ? Object.fromEntries(classes) : undefined;
}

function anchorsOf({ detection }: ResolvedConfig): ExportedAnchors[] | undefined {
  if (!detection) return undefined;
  const { anchors } = detection.type === 'retinanet' ? detection.head : detection.rpn;
  return anchorLevels(anchors).map(({ stride, base }) => ({
    stride: stride.width,
    base: Array.from({ length: base.length / 4 }, (_, a) => [...base.subarray(4 * a, 4 * a + 4)]),
  }));
}

/** Size of the image for which shapes are computed: every stride divides it. */
const probe = 1024;
/** The smallest size with as many steps of 32 pixels. Maps that are doubled after the last stride have twice its steps, rounded up before. */
const ragged = probe - 31;

function describe({ name: part, graph, inputs: kinds }: RecordedPart, file: string): ExportedPart {
  const onRegions = Object.values(kinds).some(({ kind }) => kind === 'regions');
  const shapesAt = (size: number) => {
    const extents: Named<InputExtent> = Object.fromEntries(
      Object.entries(kinds).map(([name, { kind }]) => [
        name,
        kind === 'regions' ? { batch: 1 } : { batch: 1, height: size, width: size },
      ]),
    );
    return shapesOf(graph, extents);
  };
  const shapes = shapesAt(probe);
  const raggedShapes = onRegions ? shapes : shapesAt(ragged);
  const inputs = Object.entries(kinds).map(([name, input]): ExportedPort => {
    if (input.kind === 'regions') return { name, shape: [`${name} rows`, 5], from: 'regions of this level' };
    return onRegions
      ? { name, shape: ['batch', input.channels, `${name} height`, `${name} width`], from: `features: ${name}` }
      : { name, shape: ['batch', input.channels, 'height', 'width'], from: 'preprocessing' };
  });
  const outputs = Object.entries(graph.outputs).map(([name, id]): ExportedPort => {
    const { channels, height, width } = shapes[id]!;
    const batch = onRegions ? 'all rows' : 'batch';
    if (graph.nodes[id]?.op === 'linear') return { name, shape: [batch, channels] };
    const other = raggedShapes[id]!;
    const along = (extent: number, raggedExtent: number, axis: string) =>
      onRegions || extent === 1 ? extent : strided(axis, probe / extent, doublings(extent, raggedExtent));
    return {
      name,
      shape: [batch, channels, along(height, other.height, 'height'), along(width, other.width, 'width')],
    };
  });
  return { name: part, file, inputs, outputs };
}

/** Returns the factor of 2, 4, 8 … by which a map was enlarged after its strides; 1 if it was not. */
function doublings(extent: number, raggedExtent: number): number {
  const stride = probe / extent;
  const times = [1, 2, 4, 8, 16, 32].find((factor) => raggedExtent === factor * Math.ceil(ragged / (stride * factor)));
  return times ?? 1;
}

function strided(axis: string, stride: number, times: number): string {
  if (times > 1) return `${times} * (${axis} / ${stride * times})`;
  return stride === 1 ? axis : `${axis} / ${stride}`;
}
