import { expect } from 'chai';
import fc from 'fast-check';
import type { Named, NDArray, Size } from '../../src/arrays.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import type { OnnxRuntime, OnnxSession } from '../../src/engines/onnx/engine.ts';
import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { onnxBeside, onnxFile, standaloneOnnx } from '../../src/engines/onnx/serialize.ts';
import { emitShapeDependent } from '../../src/engines/onnx/shape_dependent.ts';
import { modelWriter, type OperatorWriter } from '../../src/engines/onnx/writer.ts';
import { formOf, type ShapeDependentArray, shapeDependentArray } from '../../src/engines/shape_dependent.ts';
import { type Graph, linear, map, parametersOf, programOf, recordPart } from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { expectClose, graphOf, resultOf } from '../harness/operations.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** A model that only computes an array: the map goes in, the array comes out as floats. */
function modelOf(array: ShapeDependentArray): Uint8Array {
  const writer = modelWriter(['map', 'array']);
  writer.input('map', ['n', 'c', 'h', 'w']);
  const onnx: OperatorWriter = {
    layout: 'channels-first',
    operator: (type, inputs, attributes) => writer.operator(type, type, inputs, attributes),
    ints: writer.ints,
    floats: writer.floats,
    shapeDependent: () => 'none',
  };
  onnx.operator('Cast', [emitShapeDependent(onnx, 'map', array)], { to: 1 });
  writer.nameLast('array', 'array');
  writer.output(
    'array',
    formOf(array).shape.map((_, axis) => `extent${axis}`),
  );
  return onnxFile(writer.finish('array'));
}

describe('an ONNX file that stands alone', () => {
  let ort: OnnxRuntime;
  before(async function () {
    const found = await loadOnnxRuntime();
    if (found.ort) ort = found.ort;
    else {
      console.log(`      skipped: ${found.reason}`);
      this.skip();
    }
  });

  async function runSession<Output extends string>(
    session: OnnxSession,
    inputs: Named<NDArray>,
    ...names: readonly Output[]
  ): Promise<Readonly<Record<Output, NDArray>>> {
    const feeds = Object.entries(inputs).map(([name, { shape, data }]) => [
      name,
      new ort.Tensor('float32', data, shape),
    ]);
    const results = await session.run(Object.fromEntries(feeds), names);
    const read = names.map(async (name) => {
      const tensor = results[name];
      return [name, { shape: tensor?.dims, data: await tensor?.getData() }] as const;
    });
    return Object.fromEntries(await Promise.all(read)) as unknown as Record<Output, NDArray>;
  }

  /** Runs without optimisation, as other runtimes may. */
  async function runFile(file: Uint8Array, inputs: Named<NDArray>): Promise<{ readonly y: NDArray }> {
    const session = await ort.InferenceSession.create(file, {
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 4,
    });
    const outputs = await runSession(session, inputs, 'y');
    await session.release();
    return outputs;
  }

  const edge = fc.integer({ min: 1, max: 23 });
  const size = fc.record({ height: edge, width: edge });

  async function expectArray(array: ShapeDependentArray, sizes: readonly Size[]): Promise<void> {
    const session = await ort.InferenceSession.create(modelOf(array), { logSeverityLevel: 4 });
    for (const { height, width } of sizes) {
      const map = { shape: [1, 1, height, width], data: new Float32Array(height * width) };
      const { array: found } = await runSession(session, { map }, 'array');
      const wanted = shapeDependentArray(array, { height, width });
      expect(found.shape, 'shape').to.deep.equal(wanted.shape);
      expect([...found.data]).to.deep.equal([...wanted.data]);
    }
    await session.release();
  }

  it('computes the matrices of adaptive pooling from the size of the map, to the bit', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom('height' as const, 'width' as const),
        fc.integer({ min: 1, max: 8 }),
        fc.array(size, { minLength: 1, maxLength: 4 }),
        (axis, bins, sizes) => expectArray({ kind: 'pooling', axis, bins }, sizes),
      ),
      { numRuns: 30 },
    ));

  it('computes the windows of attention from the size of the map', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom('windowTokens' as const, 'windowPositions' as const, 'windowAreas' as const),
        fc.constantFrom('first' as const, 'last' as const),
        fc
          .integer({ min: 2, max: 7 })
          .chain((window) => fc.tuple(fc.constant(window), fc.integer({ min: 0, max: window - 1 }))),
        fc.array(size, { minLength: 1, maxLength: 4 }),
        (kind, padding, [window, shift], sizes) => expectArray({ kind, windows: { window, shift, padding } }, sizes),
      ),
      { numRuns: 60 },
    ));

  for (const operation of operationCases) {
    it(`computes ${operation.name}`, async () => {
      const engine = onnxEngine(ort, { threads: 1 });
      const graph = graphOf(operation);
      const weights = weightsOf(graph, operation.weights);
      const program = programOf(operation.name, graph, weights, passes);
      expect(emitOnnx(program, { standalone: true }).shapeDependent).to.deep.equal([]);
      const { y } = await runFile(standaloneOnnx(program, 'weights').model, operation.inputs);
      const expected = await resultOf(engine, operation);
      expectClose({ shape: y.shape.length === 2 ? [...y.shape, 1, 1] : y.shape, data: y.data }, expected);
      await engine.dispose();
    });
  }

  const twoLayers = recordPart({
    name: 'two',
    inputs: { x: map(3) },
    forward: (scope, { x }) => ({ y: linear(scope.at('b'), linear(scope.at('a'), x, 5, 2), 4) }),
  });

  it('gives the output of a linear layer as rows of features', async () => {
    const program = programOf('two', twoLayers, weightsOf(twoLayers));
    const { y } = await runFile(standaloneOnnx(program, 'weights').model, { x: seededInput('x', [7, 3, 2, 2]) });
    expect(y.shape).to.deep.equal([7, 4]);
  });

  it('keeps its weights in a second file if one would be too large', async () => {
    const program = programOf('two', twoLayers, weightsOf(twoLayers));
    const inputs = { x: seededInput('x', [1, 3, 2, 2]) };
    const one = standaloneOnnx(program, 'two.onnx.data');
    expect(one.weights).to.equal(undefined);
    const { model, weights } = standaloneOnnx(program, 'two.onnx.data', 1000);
    const data = new Uint8Array(await new Blob(weights as Uint8Array<ArrayBuffer>[]).arrayBuffer());
    expect(data.byteLength).to.equal(4 * (60 + 5 + 20 + 4));
    const session = await ort.InferenceSession.create(model, { externalData: [{ path: 'two.onnx.data', data }] });
    expect(await runSession(session, inputs, 'y')).to.deep.equal(await runFile(one.model, inputs));
    expect(onnxBeside(emitOnnx(program), 'x').model.byteLength).to.be.below(2000);
    await session.release();
  });
});

function weightsOf(graph: Graph, given: Named<NDArray> = {}) {
  return new Map(parametersOf(graph).map(({ key, shape }) => [key, given[key] ?? seededWeight(key, shape)]));
}
