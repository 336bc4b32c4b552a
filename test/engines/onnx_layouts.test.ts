import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Backbone } from '../../src/backbones/backbone.ts';
import { convnext } from '../../src/backbones/convnext.ts';
import { swin } from '../../src/backbones/swin.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import type { OnnxRuntime, OnnxTensor, SessionOptions } from '../../src/engines/onnx/engine.ts';
import { layoutsOf } from '../../src/engines/onnx/layouts.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { shapeDependentArray } from '../../src/engines/shape_dependent.ts';
import {
  conv2d,
  F,
  type Graph,
  layerNorm,
  map,
  type Program,
  parametersOf,
  pointwise,
  programOf,
  recordPart,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';

/** Which values of an ONNX file have the channels last, and the transposes that this takes. */

type Forward = (scope: Scope, x: Value) => Readonly<Record<string, Value>>;

const recorded = (forward: Forward): Graph =>
  recordPart({ name: 'part', inputs: { x: map(4) }, forward: (scope, { x }) => forward(scope, x) });

/** The operations whose values have the channels last. */
function lastOf(forward: Forward): string[] {
  const graph = recorded(forward);
  const layouts = layoutsOf(graph);
  return graph.nodes.flatMap(({ id, op }) => (layouts[id] === 'channels-last' ? [op] : []));
}

function programFor(graph: Graph): Program {
  const weights = parametersOf(graph).map(({ key, shape }) => {
    const data = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
    return [key, { shape, data }] as const;
  });
  return programOf('part', graph, new Map(weights), passes);
}

/** The transposes in a file that change a layout. */
const transposesOf = (graph: Graph): number =>
  emitOnnx(programFor(graph)).graph.node.filter(({ opType, attribute }) => {
    const perm = attribute.find(({ name }) => name === 'perm')?.ints.join();
    return opType === 'Transpose' && (perm === '0,2,3,1' || perm === '0,3,1,2');
  }).length;

const pyramidOf = ({ forward }: Backbone): Graph =>
  recordPart({
    name: 'pyramid',
    inputs: { image: map(3) },
    forward: (scope, { image }) => Object.fromEntries(forward(scope, image).map((x, i) => [`stage${i}`, x])),
  });

/** The transposes that onnxruntime runs for a pyramid: it joins those beside a convolution with its reorders. */
async function transposesRun(ort: OnnxRuntime, backbone: Backbone): Promise<number> {
  const program = programFor(pyramidOf(backbone));
  const model = emitOnnx(program);
  const shapes = shapesOf(program.graph, { image: { batch: 1, height: 64, width: 64 } });
  const feeds: Record<string, OnnxTensor> = {
    image: new ort.Tensor('float32', new Float32Array(3 * 64 * 64), [1, 3, 64, 64]),
  };
  for (const { name, source, array } of model.shapeDependent) {
    const { shape, data } = shapeDependentArray(array, shapes[source]!);
    feeds[name] =
      data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
  }
  const folder = mkdtempSync(join(tmpdir(), 'moganet-profile-'));
  const profiling = { enableProfiling: true, profileFilePrefix: join(folder, 'run') };
  const { model: bytes, externalData } = onnxInParts(model);
  const session = await ort.InferenceSession.create(bytes, { ...profiling, externalData } as SessionOptions);
  await session.run(feeds, Object.values(model.outputs));
  (session as unknown as { endProfiling(): void }).endProfiling();
  await session.release();
  const [file = ''] = readdirSync(folder);
  const events: { readonly name: string; readonly args?: { readonly op_name?: string } }[] = JSON.parse(
    readFileSync(join(folder, file), 'utf8'),
  );
  rmSync(folder, { recursive: true });
  return events.filter(({ name, args }) => name.endsWith('_kernel_time') && args?.op_name === 'Transpose').length;
}

describe('the layouts of an ONNX file', () => {
  it('are channels-first without a norm over channels', () => {
    expect(lastOf((scope, x) => ({ y: F.relu(conv2d(scope.at('a'), x, 4, { kernel: 1 })) }))).to.deep.equal([]);
  });

  it('are channels-last for a sum of such a value that is normalised again', () => {
    const block: Forward = (scope, x) => {
      const y = layerNorm(scope.at('norm'), x);
      const sum = F.add(y, pointwise(scope.at('fc'), y, 4));
      return { y: layerNorm(scope.at('norm2'), sum) };
    };
    expect(lastOf(block)).to.deep.equal(['layerNorm', 'conv2d', 'add', 'layerNorm']);
    // into the first norm, and out of the last
    expect(transposesOf(recorded(block))).to.equal(2);
  });

  it('are channels-last for 1×1 convolutions of up to 768 channels between norms', () => {
    const mlp =
      (hidden: number): Forward =>
      (scope, x) => {
        const y = F.gelu(pointwise(scope.at('fc1'), layerNorm(scope.at('norm'), x), hidden));
        return { y: layerNorm(scope.at('norm2'), pointwise(scope.at('fc2'), y, 4)) };
      };
    expect(lastOf(mlp(768))).to.deep.equal(['layerNorm', 'conv2d', 'gelu', 'conv2d', 'layerNorm']);
    expect(lastOf(mlp(769))).to.deep.equal(['layerNorm', 'layerNorm']);
  });

  it('are channels-first for other convolutions between norms', () => {
    const between = (options: { kernel: number; stride?: number; groups?: number }) =>
      lastOf((scope, x) => {
        const y = conv2d(scope.at('conv'), layerNorm(scope.at('norm'), x), 4, options);
        return { y: layerNorm(scope.at('norm2'), y) };
      });
    expect(between({ kernel: 1 })).to.include('conv2d');
    expect(between({ kernel: 3 })).not.to.include('conv2d');
    expect(between({ kernel: 1, stride: 2 })).not.to.include('conv2d');
    expect(between({ kernel: 1, groups: 2 })).not.to.include('conv2d');
  });

  it('are channels-first for a 1×1 convolution whose shortcut is, which is then added inside it', () => {
    const block: Forward = (scope, x) => {
      const y = pointwise(scope.at('fc'), layerNorm(scope.at('norm'), x), 4);
      return { y: layerNorm(scope.at('norm2'), F.add(x, y)) };
    };
    expect(lastOf(block)).to.deep.equal(['layerNorm', 'layerNorm']);
  });

  it('make 10 of the 1×1 convolutions of Swin-T multiplications, and none of ConvNeXt-T', () => {
    const countsOf = (backbone: Backbone) => {
      const { node } = emitOnnx(programFor(pyramidOf(backbone))).graph;
      const count = (type: string) => node.filter(({ opType }) => opType === type).length;
      return { MatMul: count('MatMul'), Conv: count('Conv'), Transpose: count('Transpose') };
    };
    // 24 multiplications and 60 of the transposes are attention's, and 10 turn weights
    expect(countsOf(swin({ type: 'swin', arch: 't' }))).to.deep.equal({ MatMul: 34, Conv: 42, Transpose: 139 });
    expect(countsOf(convnext({ type: 'convnext', arch: 't' }))).to.deep.equal({ MatMul: 0, Conv: 58, Transpose: 49 });
  });

  it('are channels-first for a sum that a convolution reads, too', () => {
    const block: Forward = (scope, x) => {
      const sum = F.add(layerNorm(scope.at('norm'), x), x);
      return { y: layerNorm(scope.at('norm2'), sum), z: conv2d(scope.at('conv'), F.relu(sum), 4, { kernel: 3 }) };
    };
    expect(lastOf(block)).to.deep.equal(['layerNorm', 'layerNorm']);
  });

  it('change once for all that read a value in the other one', () => {
    const graph = recorded((scope, x) => ({
      a: layerNorm(scope.at('a'), x),
      b: layerNorm(scope.at('b'), x),
    }));
    expect(transposesOf(graph)).to.equal(3);
  });

  it('give an output to those who ask and those who read', () => {
    const graph = recorded((scope, x) => {
      const y = layerNorm(scope.at('norm'), x);
      return { y, same: y, z: conv2d(scope.at('conv'), y, 4, { kernel: 3 }) };
    });
    expect(transposesOf(graph)).to.equal(2);
  });

  it('leave few transposes to onnxruntime', async function () {
    const { ort } = await loadOnnxRuntime();
    if (!ort) return this.skip();
    // in each of the 12 blocks of Swin-T: queries, keys, values and the way back; and the four outputs
    expect(await transposesRun(ort, swin({ type: 'swin', arch: 't' }))).to.equal(54); // 84 if all values are channels-first
    expect(await transposesRun(ort, convnext({ type: 'convnext', arch: 't' }))).to.equal(6);
  });
});
