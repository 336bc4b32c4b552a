import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { NDArray } from '../../arrays.ts';
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

/** A constant that the state dict brings. */
export interface OnnxWeight extends NDArray {
  readonly name: string;
}

/** A graph whose small constants are in it, and whose weights are beside it. */
export interface OnnxGraph {
  readonly graph: GraphProto;
  readonly weights: readonly OnnxWeight[];
}

/** A model whose weights onnxruntime takes from memory: its session option `externalData`. */
export interface OnnxInParts {
  readonly model: Uint8Array;
  readonly externalData: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/** 17 has every operator that is emitted; onnxruntime reads both numbers since 1.12. */
const opset = 17n;
const irVersion = 8n;

/** Beyond 2 GB protobuf's readers refuse a message. */
export const largestOnnxFile = 2 ** 31 - 1;

/** No weight is copied: each is an external tensor on the memory that it already has. */
export function onnxInParts(graph: OnnxGraph): OnnxInParts {
  const model = withExternalWeights(graph, (i) => ({ location: `weight${i}`, offset: 0 }));
  const externalData = graph.weights.map((weight, i) => ({ path: `weight${i}`, data: bytesOf(weight) }));
  return { model, externalData };
}

/** A model whose weights are one file beside it, of any size; `location` is its name. */
export function onnxBeside(graph: OnnxGraph, location: string): { model: Uint8Array; data: readonly Uint8Array[] } {
  const data = graph.weights.map(bytesOf);
  let end = 0;
  const offsets = data.map(({ byteLength }) => {
    const start = end;
    end += byteLength;
    return start;
  });
  return { model: withExternalWeights(graph, (i) => ({ location, offset: offsets[i]! })), data };
}

function withExternalWeights(
  { graph, weights }: OnnxGraph,
  place: (i: number) => { readonly location: string; readonly offset: number },
): Uint8Array {
  const initializer = weights.map(({ name, shape, data }, i) => {
    const tensor = tensorHeader(name, shape);
    tensor.dataLocation = DataLocation.EXTERNAL;
    const { location, offset } = place(i);
    tensor.externalData = Object.entries({ location, offset: `${offset}`, length: `${data.byteLength}` }).map(
      ([key, value]) => create(StringStringEntryProtoSchema, { key, value }),
    );
    return tensor;
  });
  const { name, node, input, output, initializer: constants } = graph;
  const whole = create(GraphProtoSchema, { name, node, input, output, initializer: [...constants, ...initializer] });
  return toBinary(ModelProtoSchema, modelOf(whole));
}

/**
 * One file with everything. A message writer would copy the weights at each level of nesting (tensor, graph, model), two
 * gigabytes for nothing where a model has 700 MB; here the small messages are written around them, and each weight is
 * copied once, to its place.
 *
 * @throws EngineError where the model would exceed the 2 GB of one file
 */
export function onnxFile({ graph, weights }: OnnxGraph): Uint8Array {
  const pieces: Uint8Array[] = [toBinary(GraphProtoSchema, graph)];
  for (const weight of weights) {
    const header = toBinary(TensorProtoSchema, tensorHeader(weight.name, weight.shape));
    const raw = bytesOf(weight);
    const beforeRaw = frame(fieldNumber(TensorProtoSchema, 'rawData'), raw.byteLength);
    const length = header.byteLength + beforeRaw.byteLength + raw.byteLength;
    pieces.push(frame(fieldNumber(GraphProtoSchema, 'initializer'), length), header, beforeRaw, raw);
  }
  const graphFrame = frame(fieldNumber(ModelProtoSchema, 'graph'), lengthOf(pieces));
  pieces.unshift(toBinary(ModelProtoSchema, modelOf()), graphFrame);
  const length = lengthOf(pieces);
  if (length > largestOnnxFile) {
    throw new EngineError(`${graph.name}: as one ONNX file it has ${length} bytes, and readers stop at 2 GB.`);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

const modelOf = (graph?: GraphProto) =>
  create(ModelProtoSchema, {
    irVersion,
    producerName: 'moganet',
    opsetImport: [{ domain: '', version: opset }],
    ...(graph && { graph }),
  });

const tensorHeader = (name: string, shape: readonly number[]): TensorProto =>
  create(TensorProtoSchema, { name, dataType: DataType.FLOAT, dims: shape.map(BigInt) });

const bytesOf = ({ data }: NDArray) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const lengthOf = (pieces: readonly Uint8Array[]) => pieces.reduce((sum, piece) => sum + piece.byteLength, 0);

/** The tag and length before an embedded message or bytes. */
const frame = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

function fieldNumber(
  schema: typeof ModelProtoSchema | typeof GraphProtoSchema | typeof TensorProtoSchema,
  name: string,
): number {
  return schema.fields.find(({ localName }) => localName === name)!.number;
}

/** A program as files for any runtime that reads ONNX. */
export interface StandaloneOnnx {
  readonly model: Uint8Array;
  /** The weights, where they are too many for one file; its name is the one that was given. */
  readonly weights?: readonly Uint8Array[];
}

/** What the operators, their names and shapes take beside the weights is less than this. */
const graphBytes = 2 ** 26;

/**
 * One file, or two where the weights come near the 2 GB at which readers stop. Batch, height and width are symbolic, and
 * the program's own inputs are all that it needs.
 *
 * @param weightsFile the name of the second file, which the first refers to
 * @param limit of one file in bytes
 * @throws CheckpointError where the program lacks a weight
 */
export function standaloneOnnx(program: Program, weightsFile: string, limit = largestOnnxFile): StandaloneOnnx {
  const emitted = emitOnnx(program, { standalone: true });
  const bytes = emitted.weights.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes + graphBytes <= limit) return { model: onnxFile(emitted) };
  const { model, data } = onnxBeside(emitted, weightsFile);
  return { model, weights: data };
}
