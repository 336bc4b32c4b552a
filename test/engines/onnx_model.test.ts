import { fromBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { moganet } from '../../src/backbones/moganet.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type ValueInfoProto,
} from '../../src/engines/onnx/generated/onnx_pb.ts';
import { onnxFile, onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { CheckpointError, EngineError } from '../../src/errors.ts';
import {
  conv2d,
  F,
  map,
  parametersOf,
  programOf,
  recordPart,
  regions,
  type Value,
  withTaps,
} from '../../src/nn/index.ts';
import { seededWeight } from '../harness/seeded.ts';

const nano = moganet({ type: 'moganet', arch: { dims: [16, 32], depths: [1, 1], ratios: [2, 2] } });
const graph = recordPart({
  name: 'nano',
  inputs: { image: map(3) },
  forward: (scope, { image }) => {
    const [stage1, stage2] = nano.forward(scope, image) as [Value, Value];
    return { stage1, stage2 };
  },
});
const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));
const program = programOf('nano', graph, weights);

const read = (bytes: Uint8Array): ModelProto & { graph: GraphProto } => {
  const model = fromBinary(ModelProtoSchema, bytes);
  if (!model.graph) throw new Error('the model has no graph');
  return { ...model, graph: model.graph };
};
const dimensionsOf = ({ type }: ValueInfoProto) =>
  type?.value.case === 'tensorType' ? type.value.value.shape?.dim.map(({ value }) => value.value) : undefined;

describe('a program as ONNX', () => {
  const model = read(onnxFile(emitOnnx(program)));
  const { node, initializer, input, output, name } = model.graph;

  it('is of opset 17 and an IR that every reader of it knows', () => {
    expect(model.opsetImport.map(({ domain, version }) => ({ domain, version }))).to.deep.equal([
      { domain: '', version: 17n },
    ]);
    expect(Number(model.irVersion)).to.be.at.most(10);
    expect(name).to.equal('nano');
  });

  it('leaves batch, height and width of inputs and outputs to the run', () => {
    expect(input.map(dimensionsOf)).to.deep.equal([['image.batch', 3n, 'image.height', 'image.width']]);
    expect(output.map(({ name }) => name)).to.deep.equal(['stage1', 'stage2']);
    expect(output.map(dimensionsOf)).to.deep.equal([
      ['stage1.batch', 16n, 'stage1.height', 'stage1.width'],
      ['stage2.batch', 32n, 'stage2.height', 'stage2.width'],
    ]);
  });

  it('names operators by their module path, and their steps below it', () => {
    const names = node.map(({ name }) => name);
    expect(names.slice(0, 7)).to.deep.equal([
      'patch_embed1.projection.0',
      'patch_embed1.projection.1',
      'patch_embed1.projection.2/Div',
      'patch_embed1.projection.2/Erf',
      'patch_embed1.projection.2/Add',
      'patch_embed1.projection.2/Mul',
      'patch_embed1.projection.2',
    ]);
    expect(new Set(names).size).to.equal(names.length);
    expect(node.every(({ output }) => output.length === 1)).to.equal(true);
  });

  it('holds every weight that the graph uses, under its key and to the bit', () => {
    const used = parametersOf(program.graph).filter(({ kind }) => kind !== 'ignored');
    const stored = new Map(initializer.map((tensor) => [tensor.name, tensor]));
    for (const { key, shape } of used) {
      const tensor = stored.get(key);
      expect(tensor?.dims.map(Number), key).to.deep.equal(shape);
      expect(new Float32Array(tensor?.rawData.slice().buffer ?? []), key).to.deep.equal(weights.get(key)?.data);
    }
    const constants = initializer.filter(({ name }) => name.startsWith('constant:'));
    expect(initializer).to.have.length(used.length + constants.length);
  });

  it('in parts is the same graph, on the memory that the weights have', () => {
    const { model: bytes, externalData } = onnxInParts(emitOnnx(program));
    const parts = read(bytes).graph;
    expect(parts.node).to.deep.equal(node);
    const data = new Map(externalData.map(({ path, data }) => [path, data]));
    const entry = (tensor: (typeof parts.initializer)[number], key: string) =>
      tensor.externalData.find((pair) => pair.key === key)?.value;
    const external = parts.initializer.filter(({ externalData }) => externalData.length > 0);
    expect(external.map(({ name }) => name).sort()).to.deep.equal(
      initializer.flatMap(({ name }) => (name.startsWith('constant:') ? [] : [name])).sort(),
    );
    for (const tensor of external) {
      const bytes = data.get(entry(tensor, 'location') ?? '');
      expect(bytes?.buffer, tensor.name).to.equal(weights.get(tensor.name)?.data.buffer);
      expect(entry(tensor, 'length')).to.equal(`${bytes?.byteLength}`);
    }
  });

  it('gives any module as an output by its path', () => {
    const tapped = programOf('nano', withTaps(graph, ['blocks1.0.attn', 'blocks1.0.norm1']), weights);
    const { output, node } = read(onnxFile(emitOnnx(tapped))).graph;
    expect(output.map(({ name }) => name)).to.deep.equal(['stage1', 'stage2', 'blocks1.0.attn', 'blocks1.0.norm1']);
    expect(node.find((n) => n.output[0] === 'blocks1.0.norm1')?.opType).to.equal('BatchNormalization');
  });

  it('makes the regions n × 5, and pooling matrices further inputs', () => {
    const pooled = recordPart({
      name: 'pooled',
      inputs: { x: map(4), boxes: regions },
      forward: (scope, { x, boxes }) => ({
        bins: F.adaptiveAvgPool(x, { height: 2, width: 3 }, scope.at('pool')),
        regions: F.roiAlign(x, boxes, {
          outputSize: { height: 7, width: 7 },
          spatialScale: 0.25,
          samplingRatio: 0,
          aligned: true,
        }),
      }),
    });
    const emitted = emitOnnx(programOf('pooled', pooled, new Map()));
    expect(emitted.shapeDependent).to.deep.equal([
      { name: 'pool/width', source: 0, array: { kind: 'pooling', axis: 'width', bins: 3 } },
      { name: 'pool/height', source: 0, array: { kind: 'pooling', axis: 'height', bins: 2 } },
    ]);
    expect(read(onnxFile(emitted)).graph.input.map(dimensionsOf)).to.deep.equal([
      ['x.batch', 4n, 'x.height', 'x.width'],
      ['boxes.count', 5n],
      [3n, 'pool/width'],
      [2n, 'pool/height'],
    ]);
  });

  it('renames an output that is called like an input', () => {
    const same = recordPart({
      name: 'same',
      inputs: { x: map(1) },
      forward: (_, { x }) => ({ x: F.relu(x), copy: x }),
    });
    expect(emitOnnx(programOf('same', same, new Map())).outputs).to.deep.equal({ x: 'x#2', copy: 'copy' });
  });

  it('names a weight that is missing or of another shape', () => {
    const one = recordPart({
      name: 'one',
      inputs: { x: map(2) },
      forward: (scope, { x }) => ({ y: conv2d(scope.at('conv'), x, 1, { kernel: 1, bias: false }) }),
    });
    const emit = (value?: NDArray) => emitOnnx(programOf('one', one, new Map(value ? [['conv.weight', value]] : [])));
    expect(() => emit()).to.throw(CheckpointError, /^conv\.weight: one .*\[1, 2, 1, 1\], got none/);
    expect(() => emit({ shape: [1, 2], data: new Float32Array(2) })).to.throw(
      CheckpointError,
      /^conv\.weight: one .*\[1, 2, 1, 1\], got .*\[1, 2\]/,
    );
  });

  it('refuses to be a file of more than 2 GB, before it takes the memory', () => {
    const channels = 2 ** 13;
    const data = new Float32Array(channels * channels); // a quarter of a gigabyte of zeros that nothing touches
    const large = recordPart({
      name: 'large',
      inputs: { x: map(channels) },
      forward: (scope, { x }) => {
        let y = x;
        for (let i = 0; i < 8; i++) y = conv2d(scope.at(i), y, channels, { kernel: 1, bias: false });
        return { y };
      },
    });
    const shared = new Map(parametersOf(large).map(({ key, shape }) => [key, { shape, data }]));
    const emitted = emitOnnx(programOf('large', large, shared));
    expect(() => onnxFile(emitted)).to.throw(EngineError, /^large: as one ONNX file it has 214748\d+ bytes/);
    expect(onnxInParts(emitted).model.byteLength).to.be.below(10_000);
  });
});
