import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { convnext, moganet, parcnet, resnet, swin } from '../../src/backbones/index.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { declaredIn } from '../../src/engines/onnx/declared.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { type OnnxRuntime, type OnnxTensor, onnxEngine, type SessionOptions } from '../../src/engines/onnx/engine.ts';
import type { ValueInfoProto } from '../../src/engines/onnx/generated/onnx_pb.ts';
import { layoutsOf } from '../../src/engines/onnx/layouts.ts';
import { emitters } from '../../src/engines/onnx/operators.ts';
import { largeInput, wideMapsOf } from '../../src/engines/onnx/parts.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { shapeDependentArray } from '../../src/engines/shape_dependent.ts';
import {
  conv2d,
  F,
  type Graph,
  layerNorm,
  map,
  type Program,
  programOf,
  recordedByReader,
  recordPart,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { wholeMaps } from '../../src/nn/optimise/whole_maps.ts';
import { classifierGraph, pyramidGraph } from '../harness/backbone_graphs.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { record, seeded } from '../harness/optimised.ts';
import { seededInput } from '../harness/seeded.ts';

/** The size that values of an ONNX file are declared to have, so that onnxruntime adds them in place. */

const arch = { dims: [16, 32, 48, 64], depths: [1, 1, 2, 1], ratios: [8, 8, 4, 4] };
const nano = moganet({ type: 'moganet', arch });
const deep = resnet({ type: 'resnet', depth: 18 });

const programFor = (graph: Graph, name = 'part'): Program =>
  programOf(name, graph, seeded(graph), [...passes, wholeMaps]);

const declaredOf = ({ graph }: Program) => declaredIn(graph, layoutsOf(graph));
const countOf = (graph: Graph): number => declaredOf(programFor(graph)).nodes.size;

/** The operations whose values are declared, and those whose values are not. */
function divided(program: Program): [string[], string[]] {
  const { nodes } = declaredOf(program);
  const operations = program.graph.nodes.filter(({ op }) => op !== 'param' && op !== 'input');
  const of = (isDeclared: boolean) => [
    ...new Set(operations.flatMap(({ id, op }) => (nodes.has(id) === isDeclared ? [op] : []))),
  ];
  return [of(true), of(false)];
}

/** Levels that are joined by the sizes of each other, and heads that read sizes: what detectors and segmentation have. */
function necks(scope: Scope, [fine, middle, coarse]: readonly [Value, Value, Value]) {
  const lateral = (x: Value, i: number) => conv2d(scope.at(`lateral${i}`), x, 16, { kernel: 1 });
  const top = lateral(coarse, 2);
  const between = F.add(lateral(middle, 1), F.resize(top, { like: middle }, { mode: 'nearest' }));
  const bottom = F.add(lateral(fine, 0), F.resize(between, { like: fine }, { mode: 'nearest' }));
  const pooled = F.resize(F.adaptiveAvgPool(coarse, 3), { like: coarse });
  const fused = conv2d(scope.at('fuse'), F.concat([coarse, pooled]), 16, { kernel: 3 });
  return {
    bottom: conv2d(scope.at('smooth'), bottom, 16, { kernel: 3, padding: 1 }),
    top: F.maxPool(top, { kernel: 1, stride: 2 }),
    fused: F.add(fine, conv2d(scope.at('back'), F.resize(fused, { like: fine }), fine.channels, { kernel: 1 })),
    normed: layerNorm(scope.at('norm'), F.resize(middle, { like: fine })),
  };
}

const withNecks = record((scope, x) => {
  const [fine, middle, coarse] = nano.forward(scope.at('backbone'), x) as [Value, Value, Value, Value];
  return { fine, ...necks(scope, [fine, middle, coarse]) };
});

/** Runs a program on sessions of onnxruntime itself, in one form. */
async function sessionOf(
  ort: OnnxRuntime,
  program: Program,
  inPlace: boolean,
  options: SessionOptions = {},
): Promise<(inputs: Readonly<Record<string, NDArray>>) => Promise<Float32Array[]>> {
  const emitted = emitOnnx(program, { blocked: true, inPlace });
  const { model, externalData } = onnxInParts(emitted);
  const session = await ort.InferenceSession.create(model, {
    externalData,
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
    enableMemPattern: false,
    ...options,
  });
  return async (inputs) => {
    const feeds: Record<string, OnnxTensor> = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) feeds[name] = new ort.Tensor('float32', data, shape);
    const extents = Object.entries(inputs).map(([name, { shape }]) => {
      const [batch = 0, , height = 0, width = 0] = shape;
      return [name, { batch, height, width }] as const;
    });
    const shapes = shapesOf(program.graph, Object.fromEntries(extents));
    for (const { name, source, array } of emitted.shapeDependent) {
      const { data, shape } = shapeDependentArray(
        array,
        shapes[source] ?? { batch: 0, channels: 0, height: 0, width: 0 },
      );
      feeds[name] =
        data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
    }
    for (const name of Object.keys(emitted.conditions)) feeds[name] = new ort.Tensor('bool', Uint8Array.of(1), []);
    const names = Object.values(emitted.outputs);
    const results = await session.run(feeds, names);
    return Promise.all(names.map(async (name) => (await results[name]?.getData()) as Float32Array));
  };
}

/** Operators that do not compute with the size of their input. */
const ofNoSize = new Set([
  'Conv',
  'Add',
  'Sub',
  'Mul',
  'Div',
  'Erf',
  'Sigmoid',
  'GlobalAveragePool',
  'MaxPool',
  'Concat',
]);

/** Odd sizes, the smallest, batches, parts and whole maps in turns, and beyond the declared size. */
const sizes = [
  [1, 64, 64],
  [2, 33, 65],
  [1, 32, 32],
  [1, 363, 362],
  [3, 95, 64],
  [1, 225, 319],
  [2, 300, 257],
  [1, 32, 4200],
  [1, 4099, 33],
  [1, 64, 64],
] as const;

describe('declared sizes', () => {
  it('are those of all that computes with no size, if that is not beside a layout of channels last', () => {
    expect(divided(programFor(pyramidGraph(nano)))[1]).to.deep.equal([]);
    expect(divided(programFor(pyramidGraph(deep)))[1]).to.deep.equal([]);
    expect(divided(programFor(classifierGraph(deep, 4)))[1]).to.deep.equal(['linear']);
    expect(divided(programFor(pyramidGraph(swin({ type: 'swin', arch: 't' }))))[0]).to.deep.equal([]);
    expect(divided(programFor(pyramidGraph(convnext({ type: 'convnext', arch: 't' }))))[0]).to.deep.equal([]);
    expect(divided(programFor(pyramidGraph(parcnet({ type: 'parcnet', arch: 's' }))))[1]).to.deep.equal([
      'slice',
      'addAlongAxis',
      'batchNorm',
      'circularConv2d',
    ]);
    expect(divided(programFor(withNecks))[1]).to.deep.equal(['resize', 'adaptiveAvgPool', 'layerNorm']);
  });

  it('are of no graph without a sum, or of two inputs', () => {
    const alone = record((s, x) => ({ y: F.relu(conv2d(s.at('a'), x, 3, { kernel: 3 })) }));
    expect(countOf(alone)).to.equal(0);
    const two = recordPart({
      name: 'two',
      inputs: { x: map(3), z: map(3) },
      forward: (_, { x, z }) => ({ y: F.add(F.relu(x), F.relu(z)) }),
    });
    expect(countOf(two)).to.equal(0);
  });

  it('are of no graph in which they would make extents equal that a run may make differ', () => {
    const of = (padding: number) =>
      record((s, x) => {
        const y = F.add(x, F.relu(x));
        return {
          y,
          z: conv2d(s.at('b'), conv2d(s.at('a'), y, 3, { kernel: 3, padding: 0 }), 3, { kernel: 1, padding }),
        };
      });
    expect(countOf(of(0))).to.be.above(0);
    expect(countOf(of(1))).to.equal(0);
    // rounded up and down, which is the same for an even extent
    const halves = record((s, x) => {
      const y = F.add(x, F.relu(x));
      return { up: conv2d(s.at('a'), y, 3, { kernel: 1, stride: 2 }), down: F.maxPool(y, { kernel: 2, stride: 2 }) };
    });
    const { outputs } = programFor(halves).graph;
    const { nodes, extents } = declaredOf(programFor(halves));
    expect(nodes.has(outputs.up ?? -1)).to.equal(true);
    expect(extents[outputs.up ?? -1]?.height).to.equal(2049);
    expect(extents[outputs.down ?? -1]?.height).to.equal(2048);
  });

  it('end where another operation reads a value', () => {
    const { graph } = emitOnnx(programFor(withNecks), { inPlace: true });
    const free = emitOnnx(programFor(withNecks))
      .graph.valueInfo.filter(isFixed)
      .map(({ name }) => name);
    const fixed = graph.valueInfo.filter(isFixed).map(({ name }) => name);
    const numbers = new Set(fixed.filter((name) => !free.includes(name))); // without those of three bins
    numbers.add('fine'); // an output, which has names in the file, and numbers by inference
    const reads = graph.node.filter(({ input }) => input.some((name) => numbers.has(name)));
    const types = new Set(reads.map(({ opType }) => opType));
    expect([...types].filter((type) => !ofNoSize.has(type))).to.deep.equal(['Reshape']);
    const reshapes = graph.node.filter(({ opType, name }) => opType === 'Reshape' && /declared$/.test(name));
    expect(reshapes[0]?.input).to.deep.equal(['x', 'x/sameShape']);
    const ways = new Set<string>();
    for (const { input, output } of reshapes) {
      expect(input[1]).to.equal('x/sameShape');
      ways.add([input[0], output[0]].map((name = '') => numbers.has(name)).join(' to '));
    }
    expect([...ways]).to.deep.equal(['false to true', 'true to false']);
  });

  describe('on onnxruntime', () => {
    let ort: OnnxRuntime;
    before(async function () {
      const found = await loadOnnxRuntime();
      if (!found.ort) return this.skip();
      ort = found.ort;
    });

    for (const [name, graph] of [
      ['MogaNet', pyramidGraph(nano)],
      ['ResNet', classifierGraph(deep, 4)],
      ['ParC-Net', pyramidGraph(parcnet({ type: 'parcnet', arch: 's' }))],
      ['MogaNet with heads that read sizes', withNecks],
    ] as const) {
      it(`change no bit of ${name}, whatever the size of a run and the run before`, async () => {
        const program = programFor(graph);
        expect(declaredOf(program).nodes).to.not.be.empty;
        expect(wideMapsOf(program.graph, new Set()).size > 0).to.equal(name !== 'ResNet');
        const [free, declared] = [await sessionOf(ort, program, false), await sessionOf(ort, program, true)];
        expect(sizes.some(([, height, width]) => height * width > largeInput)).to.equal(true);
        const [input = ''] = Object.keys(graph.inputs);
        for (const [batch, height, width] of sizes) {
          const x = { [input]: seededInput(input, [batch, 3, height, width]) };
          await expectEqual(declared, free, x, `${batch}×${height}×${width}`);
        }
      });
    }

    it('change no bit at any size from 32 to 97', async () => {
      const program = programFor(withNecks);
      const [free, declared] = [await sessionOf(ort, program, false), await sessionOf(ort, program, true)];
      for (let extent = 32; extent <= 97; extent++) {
        const x = seededInput('x', [1, 3, extent, 32 + ((extent * 29) % 67)]);
        await expectEqual(declared, free, { x }, `${x.shape}`);
      }
    });

    it('change no bit with patterns of memory, without an arena, and on two threads', async () => {
      const program = programFor(withNecks);
      const free = await sessionOf(ort, program, false);
      for (const options of [{ enableMemPattern: true }, { enableCpuMemArena: false }, { intraOpNumThreads: 2 }]) {
        const declared = await sessionOf(ort, program, true, options);
        for (const [batch, height, width] of sizes) {
          const x = seededInput('x', [batch, 3, height, width]);
          await expectEqual(declared, free, { x }, JSON.stringify(options));
        }
      }
    });

    it('change no bit of any operation that reads a sum', async () => {
      const seen = new Set<string>();
      for (const { name, inputs, weights = {}, forward } of operationCases) {
        const [[key, x] = ['', undefined], ...others] = Object.entries(inputs);
        if (x?.shape.length !== 4 || others.length > 0) continue;
        const graph = recordPart({
          name,
          inputs: { [key]: map(x.shape[1] ?? 0) },
          forward: (scope, values) => {
            const input = values[key];
            if (!input) throw new Error(`${name} has the input ${key}`);
            const sum = F.add(input, F.relu(input));
            return { sum, y: forward(scope, { ...values, [key]: sum }) };
          },
        });
        const program = programOf(name, graph, new Map([...seeded(graph), ...Object.entries(weights)]));
        if (declaredOf(program).nodes.size === 0) continue;
        for (const { op } of graph.nodes) seen.add(op);
        const [free, declared] = [await sessionOf(ort, program, false), await sessionOf(ort, program, true)];
        await expectEqual(declared, free, { [key]: x }, name);
      }
      const elsewhere = ['layerNorm', 'windowAttention', 'roiAlign', 'concat', 'sub', 'mul']; // channels last, or of two inputs
      expect([...seen].sort()).to.include.members(
        Object.keys(emitters)
          .filter((op) => !elsewhere.includes(op))
          .sort(),
      );
    });

    it('change no bit with branches that a run takes or leaves', async () => {
      const { graph, readers } = recordedByReader('features', { x: map(3) }, (scope, { x }) => {
        const [fine, middle, coarse] = nano.forward(scope.at('backbone'), x) as [Value, Value, Value, Value];
        return {
          pyramid: { fine, middle },
          heads: necks(scope, [fine, middle, coarse]),
          sums: { sum: F.add(conv2d(scope.at('sum'), coarse, coarse.channels, { kernel: 3, padding: 1 }), coarse) },
        };
      });
      const program = { ...programFor(graph), readers };
      const engines = [{}, { logSeverityLevel: 2 as const }].map((session) => onnxEngine(ort, { threads: 1, session }));
      const runners = await Promise.all(engines.map((engine) => engine.load(program)));
      for (const wanted of [['bottom', 'top', 'fused', 'normed'], ['sum'], ['fine', 'middle'], undefined]) {
        for (const [batch, height, width] of [sizes[1], sizes[3]]) {
          const x = seededInput('x', [batch, 3, height, width]);
          const [declared, free] = await Promise.all(
            runners.map(async (runner) => {
              const outputs = await runner.run({ x }, wanted);
              return Promise.all(Object.entries(outputs).map(async ([name, value]) => [name, await value.read()]));
            }),
          );
          expect(declared).to.have.length(wanted?.length ?? 7);
          expect(declared).to.deep.equal(free);
        }
      }
      for (const runner of runners) runner.dispose();
      for (const engine of engines) engine.dispose();
    });

    it('are left out if warnings are asked for, since each would be one', async () => {
      const models: Uint8Array[] = [];
      const recording: OnnxRuntime = {
        Tensor: ort.Tensor,
        InferenceSession: {
          create: (model, options) => {
            models.push(model);
            return ort.InferenceSession.create(model, options);
          },
        },
      };
      const program = programFor(withNecks);
      const found: [SessionOptions, boolean][] = [
        [{}, true],
        [{ logSeverityLevel: 3 }, true],
        [{ logSeverityLevel: 2 }, false],
        [{ graphOptimizationLevel: 'extended' }, false],
      ];
      for (const [session, isDeclared] of found) {
        const engine = onnxEngine(recording, { threads: 1, session });
        (await engine.load(program)).dispose();
        engine.dispose();
        expect(Buffer.from(models.at(-1) ?? []).includes('/sameShape'), JSON.stringify(session)).to.equal(isDeclared);
      }
    });

    it('let a sum take the memory of its map', function () {
      if (process.arch !== 'x64') {
        console.log('      skipped: other processors than x64 may have no blocked layout');
        return this.skip();
      }
      const child = fileURLToPath(new URL('../harness/in_place_peak.ts', import.meta.url));
      const peakOf = (form: string): number =>
        JSON.parse(execFileSync(process.execPath, ['--import', 'tsx', child, form], { encoding: 'utf8' }));
      const map = 16 * 2048 * 1024 * 4;
      expect(peakOf('free') - peakOf('declared')).to.be.within(0.8 * map, 1.2 * map);
    });
  });
});

function isFixed({ type }: ValueInfoProto): boolean {
  const { value } = type?.value.case === 'tensorType' ? type.value : { value: undefined };
  return (
    value?.shape?.dim.some(({ value: { value: extent } }, i) => i > 1 && typeof extent === 'bigint' && extent > 1n) ===
    true
  );
}

type Run = Awaited<ReturnType<typeof sessionOf>>;

async function expectEqual(actual: Run, expected: Run, inputs: Parameters<Run>[0], what: string): Promise<void> {
  const [found, wanted] = [await actual(inputs), await expected(inputs)];
  expect(found.length, what).to.equal(wanted.length);
  for (const [i, values] of found.entries()) {
    const other = wanted[i] ?? new Float32Array(0);
    expect(values.length, what).to.be.above(0);
    expect(Buffer.compare(bytesOf(values), bytesOf(other)), `${what}: output ${i}`).to.equal(0);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);
