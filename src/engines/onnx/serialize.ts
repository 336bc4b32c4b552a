import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { EngineError } from '../../errors.ts';
import {
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from './generated/onnx_pb.ts';

/** A constant tensor: everything but its bytes, and the bytes, little-endian in C order. */
export interface Initializer {
  readonly header: TensorProto;
  readonly raw: Uint8Array;
}

/** Of operators and of the file format; 17 has all that is emitted, and every onnxruntime since 1.12 reads both. */
const opset = 17n;
const irVersion = 8n;

/** What protobuf can hold; beyond it readers refuse a file. */
const largestModel = 2 ** 31 - 1;

const graphField = fieldNumber(ModelProtoSchema, 'graph');
const initializerField = fieldNumber(GraphProtoSchema, 'initializer');
const rawDataField = fieldNumber(TensorProtoSchema, 'rawData');

/**
 * The bytes of a model. A message writer would copy the weights once per level of nesting (tensor, graph, model), which for
 * a model of 700 MB are two gigabytes for nothing; here the small messages are written around them, and every weight is
 * copied once, to its place.
 *
 * @throws EngineError where the model would exceed protobuf's 2 GB
 */
export function serializeModel(graph: GraphProto, initializers: readonly Initializer[]): Uint8Array {
  const model: ModelProto = create(ModelProtoSchema, {
    irVersion,
    producerName: 'moganet',
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: opset })],
  });
  const pieces: Uint8Array[] = [toBinary(GraphProtoSchema, graph)];
  for (const { header, raw } of initializers) {
    const tensor = toBinary(TensorProtoSchema, header);
    const rawFrame = frame(rawDataField, raw.byteLength);
    pieces.push(
      frame(initializerField, tensor.byteLength + rawFrame.byteLength + raw.byteLength),
      tensor,
      rawFrame,
      raw,
    );
  }
  const graphLength = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  pieces.unshift(toBinary(ModelProtoSchema, model), frame(graphField, graphLength));
  const length = pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
  if (length > largestModel) {
    throw new EngineError(
      `${graph.name}: as ONNX the model has ${length} bytes, more than the 2 GB of one file. Use another engine.`,
    );
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/** The tag and length before an embedded message or bytes. */
function frame(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

function fieldNumber(
  schema: typeof ModelProtoSchema | typeof GraphProtoSchema | typeof TensorProtoSchema,
  name: string,
): number {
  const field = schema.fields.find(({ localName }) => localName === name);
  if (!field) throw new RangeError(`${schema.typeName} has no field ${name}`);
  return field.number;
}
