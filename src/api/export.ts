import { ConfigError } from '../errors.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { ModelDefinition } from '../models/create.ts';
import type { Named, Weights } from '../ndarray.ts';
import { type InputExtent, type Part, type Program, passes, programOf, recordPart, shapesOf } from '../nn/index.ts';
import { type ExportGuide, guideTo } from './export_guide.ts';

/** A program as a model file, and its weights where they need one of their own. */
export type WriteOnnx = (
  program: Program,
  weightsFile: string,
) => { readonly model: Uint8Array; readonly weights?: readonly Uint8Array[] };

/** What is exported, and in what form. */
export interface ExportOptions {
  /** Only the image to the pyramid, whatever heads the model has. */
  readonly backbone?: boolean;
  /** Norms and scales folded into convolutions. Weights and operators then have other names than the checkpoint's. */
  readonly optimise?: boolean;
  /** The name of the file without its ending, where there is only one part; otherwise parts are called as they are. */
  readonly stem?: string;
}

export interface ExportedPort {
  readonly name: string;
  /** Extents that a run decides have names; `height / 4` is of the image's, rounded up. */
  readonly shape: readonly (number | string)[];
  /** Of an input: where its values come from. */
  readonly from?: string;
}

export interface ExportedPart {
  readonly name: string;
  readonly file: string;
  readonly inputs: readonly ExportedPort[];
  readonly outputs: readonly ExportedPort[];
}

/** How the files are used: what `model.json` says. All values are float32. */
export interface ExportDescription extends ExportGuide {
  readonly format: 'moganet.onnx/1';
  readonly name: string;
  readonly parts: readonly ExportedPart[];
  readonly config: ResolvedConfig;
}

/** A file to write: its chunks one after another. */
export interface ExportedFile {
  readonly name: string;
  readonly chunks: readonly Uint8Array[];
}

/** A model as ONNX files and what is said of them. */
export interface OnnxExport {
  readonly description: ExportDescription;
  /** One part after the other, made when it is asked for. */
  files(): Generator<ExportedFile>;
}

export type ExportOnnx = (definition: ModelDefinition, weights: Weights, options?: ExportOptions) => OnnxExport;

/**
 * A model as standalone ONNX: opset 17, batch, height and width symbolic, no inputs but images, maps and regions.
 *
 * @throws ConfigError where a stem is given for several parts; CheckpointError, from `files`, where a weight is missing
 */
export function onnxExporter(write: WriteOnnx): ExportOnnx {
  return (definition, weights, options = {}) => {
    const { optimise = false, stem } = options;
    const parts = exportedParts(definition, options.backbone ?? false);
    if (stem !== undefined && parts.length > 1) {
      throw new ConfigError(
        `the model has several parts (${parts.map(({ name }) => name).join(', ')}): give a folder.`,
      );
    }
    const fileOf = ({ name }: Part) => `${stem ?? name}.onnx`;
    return {
      description: {
        format: 'moganet.onnx/1',
        name: definition.config.name ?? 'model',
        parts: parts.map((part) => describe(part, fileOf(part))),
        ...(options.backbone ? guideTo({ ...definition.config, ...headless }) : guideTo(definition.config)),
        config: definition.config,
      },
      *files() {
        for (const part of parts) {
          const name = fileOf(part);
          const program = programOf(part.name, recordPart(part), weights, optimise ? passes : []);
          const { model, weights: beside } = write(program, `${name}.data`);
          yield { name, chunks: [model] };
          if (beside) yield { name: `${name}.data`, chunks: beside };
        }
      },
    };
  };
}

const headless = { detector: undefined, segmentor: undefined, classifier: undefined, head: undefined };

/** The parts with what their users ask of them: of a model with heads not the pyramid, which `backbone` gives. */
export function exportedParts({ parts, trunk, config }: ModelDefinition, backbone: boolean): Part[] {
  if (backbone) return [{ ...trunk, name: 'backbone' }];
  const { detector, segmentor, classifier, head } = config;
  if (!detector && !segmentor && !classifier && !head) return Object.values(parts);
  return Object.values(parts).map((part) =>
    part.name === 'features'
      ? { ...part, forward: (scope, inputs) => withoutPyramid(part.forward(scope, inputs)) }
      : part,
  );
}

const withoutPyramid = <T>(outputs: Named<T>): Named<T> =>
  Object.fromEntries(Object.entries(outputs).filter(([name]) => !/^stage\d+$/.test(name)));

/** Large enough that every stride divides it. */
const probe = 1024;

function describe(part: Part, file: string): ExportedPart {
  const graph = recordPart(part);
  const onRegions = Object.values(part.inputs).some(({ kind }) => kind === 'regions');
  const extents: Named<InputExtent> = Object.fromEntries(
    Object.entries(part.inputs).map(([name, { kind }]) => [
      name,
      kind === 'regions' ? { batch: 1 } : { batch: 1, height: probe, width: probe },
    ]),
  );
  const shapes = shapesOf(graph, extents);
  const inputs = Object.entries(part.inputs).map(([name, input]): ExportedPort => {
    if (input.kind === 'regions') return { name, shape: [`${name} rows`, 5], from: 'regions of this level' };
    const shape = ['batch', input.channels, 'height', 'width'];
    return onRegions
      ? { name, shape: [shape[0]!, shape[1]!, `${name} height`, `${name} width`], from: `features: ${name}` }
      : { name, shape, from: 'preprocessing' };
  });
  const outputs = Object.entries(graph.outputs).map(([name, id]): ExportedPort => {
    const { channels, height, width } = shapes[id]!;
    const batch = onRegions ? 'all rows' : 'batch';
    if (graph.nodes[id]!.op === 'linear') return { name, shape: [batch, channels] };
    const along = (extent: number, axis: string) =>
      onRegions || extent === 1 ? extent : strided(axis, probe / extent);
    return { name, shape: [batch, channels, along(height, 'height'), along(width, 'width')] };
  });
  return { name: part.name, file, inputs, outputs };
}

const strided = (axis: string, stride: number): string => (stride === 1 ? axis : `${axis} / ${stride}`);
