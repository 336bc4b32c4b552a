import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { joinBytes, type NDArray } from '../../arrays.ts';
import { EngineError } from '../../errors.ts';
import type { Program } from '../../nn/part.ts';
import { emitOnnx } from './emit.ts';
import {
  TensorProto_DataLocation as DataLocation,
  TensorProto_DataType as DataType,
  type GraphProto,
  GraphProtoSchema,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './generated/onnx_pb.ts';
import type { OnnxGraph } from './writer.ts';

/** ONNX graphs as bytes. */

/** A model whose weights onnxruntime takes from memory: its session option `externalData`. */
export interface OnnxInParts {
  readonly model: Uint8Array;
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/** Opset 17 has every operator that is emitted; onnxruntime reads both versions since 1.12. */
const opset = 17n;
const irVersion = 8n;

/** Readers of protobuf refuse a message beyond 2 GB. */
export const largestOnnxFile = 2 ** 31 - 1;

/** Writes a model for onnxruntime. No weight is copied: each is an external tensor on the memory that it already has. */
export function onnxInParts(graph: OnnxGraph): OnnxInParts {
  const model = withExternalWeights(graph, (i) => ({ location: `weight${i}`, offset: 0 }));
  const externalData = graph.weights.map((weight, i) => ({ path: `weight${i}`, data: bytesOf(weight) }));
  return { model, externalData };
}

/** Writes a model whose weights are one file beside it, of any size; `location` is its name. */
export function onnxBeside(graph: OnnxGraph, location: string): { model: Uint8Array; data: readonly Uint8Array[] } {
  let end = 0;
  const model = withExternalWeights(graph, (_, length) => {
    const offset = end;
    end += length;
    return { location, offset };
  });
  return { model, data: graph.weights.map(bytesOf) };
}

function withExternalWeights(
  { graph, weights, domains }: OnnxGraph,
  positionOf: (i: number, length: number) => { readonly location: string; readonly offset: number },
): Uint8Array {
  const initializer = weights.map(({ name, shape, data }, i) => {
    const tensor = tensorHeader(name, shape);
    tensor.dataLocation = DataLocation.EXTERNAL;
    const { location, offset } = positionOf(i, data.byteLength);
    tensor.externalData = Object.entries({ location, offset: `${offset}`, length: `${data.byteLength}` }).map(
      ([key, value]) => create(StringStringEntryProtoSchema, { key, value }),
    );
    return tensor;
  });
  const whole = create(GraphProtoSchema, { ...graph, initializer: [...graph.initializer, ...initializer] });
  return toBinary(ModelProtoSchema, modelOf(domains, whole));
}

/**
 * Writes one file with everything. A message writer copies the weights at each level of nesting (tensor, graph, model):
 * two gigabytes more for a model of 700 MB. This writes the small messages around them and copies each weight once.
 *
 * @throws EngineError if the model would exceed the 2 GB of one file
 */
export function onnxFile({ graph, weights, domains }: OnnxGraph): Uint8Array {
  const pieces: Uint8Array[] = [toBinary(GraphProtoSchema, graph)];
  for (const weight of weights) {
    const header = toBinary(TensorProtoSchema, tensorHeader(weight.name, weight.shape));
    const raw = bytesOf(weight);
    const beforeRaw = frame(fieldNumber(TensorProtoSchema, 'rawData'), raw.byteLength);
    const length = header.byteLength + beforeRaw.byteLength + raw.byteLength;
    pieces.push(frame(fieldNumber(GraphProtoSchema, 'initializer'), length), header, beforeRaw, raw);
  }
  const graphFrame = frame(fieldNumber(ModelProtoSchema, 'graph'), lengthOf(pieces));
  pieces.unshift(toBinary(ModelProtoSchema, modelOf(domains)), graphFrame);
  const length = lengthOf(pieces);
  if (length > largestOnnxFile) {
    throw new EngineError(`${graph.name}: as one ONNX file it has ${length} bytes, and readers stop at 2 GB.`);
  }
  return joinBytes(pieces);
}

const modelOf = (domains: readonly string[], graph?: GraphProto) =>
  create(ModelProtoSchema, {
    irVersion,
    producerName: 'moganet',
    opsetImport: [{ domain: '', version: opset }, ...domains.map((domain) => ({ domain, version: 1n }))],
    graph,
  });

const tensorHeader = (name: string, shape: readonly number[]): TensorProto =>
  create(TensorProtoSchema, { name, dataType: DataType.FLOAT, dims: shape.map(BigInt) });

const bytesOf = ({ data }: NDArray) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const lengthOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, piece) => sum + piece.byteLength, 0);

/** Writes the tag and length before an embedded message or bytes. */
const frame = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

function fieldNumber(
  schema: typeof ModelProtoSchema | typeof GraphProtoSchema | typeof TensorProtoSchema,
  name: string,
): number {
  const field = schema.fields.find(({ localName }) => localName === name);
  if (!field) throw new RangeError(`${schema.typeName} has no field ${name}`);
  return field.number;
}

/** A program as files for any runtime that reads ONNX. */
export interface StandaloneOnnx {
  readonly model: Uint8Array;
  /** The weights, if they are too many for one file; its name is the one that was given. */
  readonly weights?: readonly Uint8Array[] | undefined;
}

/** More than the operators, their names and shapes take beside the weights. */
const graphBytes = 2 ** 26;

/**
 * Writes one file, or two if the weights come near the 2 GB at which readers stop. Batch, height and width are symbolic,
 * and the model has no inputs but the program's.
 *
 * @param weightsFile the name of the second file, which the first refers to
 * @param limit the most bytes of one file
 * @throws CheckpointError if the program lacks a weight
 */
export function standaloneOnnx(program: Program, weightsFile: string, limit = largestOnnxFile): StandaloneOnnx {
  const emitted = emitOnnx(program, { standalone: true });
  const bytes = emitted.weights.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes + graphBytes <= limit) return { model: onnxFile(emitted) };
  const { model, data } = onnxBeside(emitted, weightsFile);
  return { model, weights: data };
}
