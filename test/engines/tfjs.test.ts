import { spawnSync } from 'node:child_process';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { onBackend } from '../../src/engines/tfjs/backend.ts';
import { deviceTensorOf, tensorOf, tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { kernels } from '../../src/engines/tfjs/kernels.ts';
import { peakBytes } from '../../src/engines/tfjs/memory.ts';
import { planFor, planOf, replay } from '../../src/engines/tfjs/replay.ts';
import { bytesHeldBy } from '../../src/engines/tfjs/wasm.ts';
import { permute } from '../../src/engines/tfjs/weight_layouts.ts';
import { CheckpointError, EngineError, UnsupportedError } from '../../src/errors.ts';
import {
  conv2d,
  type Engine,
  F,
  type Graph,
  map,
  parametersOf,
  programOf,
  recordPart,
  shapesOf,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { namedOutputs } from '../harness/engines.ts';
import { networkOf } from '../harness/golden/networks.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

const seededProgram = (graph: Graph) =>
  programOf(
    'program',
    graph,
    new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)])),
    passes,
  );

const pico = recordPart(
  networkOf({
    kind: 'moganet',
    arch: { embed_dims: [8, 16], depths: [1, 1], ffn_ratios: [4, 2] },
    kwargs: { num_classes: 3, patch_sizes: [3, 3], patchembed_types: ['ConvEmbed', 'Conv'] },
  }),
);
/** x → relu → relu → … , ten times. */
const chain = recordPart({
  name: 'chain',
  inputs: { x: map(1) },
  forward: (_, { x }) => {
    let y = x;
    for (let i = 0; i < 10; i++) y = F.relu(y);
    return { y };
  },
});
/** The budget counts what others keep on the backend, too. */
const heldOnWasm = (): number => bytesHeldBy(onBackend('wasm', () => tf.backend())).now;
const pixels: NDArray = { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) };

describe('the TensorFlow.js engine', () => {
  let engine: Engine;
  const extra: Engine[] = [];
  before(async () => {
    engine = await tfjsEngine('wasm');
    extra.push(await tfjsEngine('cpu'));
  });
  after(() => Promise.all([engine, ...extra].map((each) => each.dispose())));

  describe('in a page that has chosen a backend', () => {
    before(() => tf.setBackend('cpu'));

    it('puts the page’s backend back after loading and running', async () => {
      const runner = await engine.load(seededProgram(pico));
      expect(tf.getBackend()).to.equal('cpu');
      const { logits } = await namedOutputs(runner, { input: seededInput('input', [1, 3, 16, 16]) }, 'logits');
      expect(tf.getBackend()).to.equal('cpu');
      await logits.read();
      expect(tf.getBackend()).to.equal('cpu');
      runner.dispose();
    });

    it('switches at once, without waiting', () => {
      const during = onBackend('wasm', () => [tf.getBackend(), tf.backend() === tf.engine().registry.wasm]);
      expect(during).to.deep.equal(['wasm', true]);
      expect(tf.getBackend()).to.equal('cpu');
      expect(tf.backend()).to.equal(tf.engine().registry.cpu);
    });

    it('puts it back after an exception', () => {
      expect(() =>
        onBackend('wasm', () => {
          throw new Error('thrown inside');
        }),
      ).to.throw('thrown inside');
      expect(tf.getBackend()).to.equal('cpu');
    });

    it('never lets another task see its backend', async () => {
      const runner = await engine.load(seededProgram(pico));
      const seen = new Set<string>();
      const watch = setInterval(() => seen.add(tf.getBackend()), 0);
      for (let i = 0; i < 5; i++) {
        const run = runner.run({ input: seededInput('input', [1, 3, 16, 16]) });
        seen.add(tf.getBackend());
        for (const output of Object.values(await run)) {
          await output.read();
          output.dispose();
        }
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      clearInterval(watch);
      runner.dispose();
      expect([...seen]).to.deep.equal(['cpu']);
    });

    it('puts it back if a backend cannot start', async () => {
      const failure = await rejection(tfjsEngine('webgl'));
      expect(failure).to.be.instanceOf(EngineError);
      expect(failure.message).to.match(
        /webgl backend.*a browser with WebGL 2; in Node use the engine wasm or onnxruntime/,
      );
      expect(tf.getBackend()).to.equal('cpu');
    });
  });

  describe('memory', () => {
    it('holds the same number of tensors after every run', async () => {
      const before = tf.memory().numTensors;
      const runner = await engine.load(seededProgram(pico));
      const loaded = tf.memory().numTensors;
      for (const size of [16, 24, 16, 33]) {
        const outputs = await runner.run({ input: seededInput('input', [1, 3, size, size]) });
        expect(tf.memory().numTensors).to.equal(loaded + Object.keys(outputs).length);
        for (const output of Object.values(outputs)) {
          await output.read();
          output.dispose();
        }
        expect(tf.memory().numTensors).to.equal(loaded);
      }
      runner.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });

    it('frees each value after its last use', () => {
      onBackend('wasm', () => {
        const before = tf.memory().numTensors;
        const x = tf.tensor4d([1, -2], [1, 1, 2, 1]);
        const counts: number[] = [];
        const counting = {
          ...kernels,
          relu: ((attributes, maps, parameters) => {
            counts.push(tf.memory().numTensors - before);
            return kernels.relu(attributes, maps, parameters);
          }) as typeof kernels.relu,
        };
        const shapes = shapesOf(chain, { x: { batch: 1, height: 1, width: 2 } });
        const outputs = replay(planOf(programOf('chain', chain, new Map())), counting, { x }, shapes);
        // the input, and the one value that the next step reads
        expect(counts).to.deep.equal([1, ...new Array(9).fill(2)]);
        expect([...(outputs.y?.dataSync() ?? [])]).to.deep.equal([1, 0]);
        tf.dispose([x, ...Object.values(outputs)]);
        expect(tf.memory().numTensors).to.equal(before);
      });
    });

    it('computes what the wanted outputs need, and nothing else', () => {
      const graph = recordPart({
        name: 'branches',
        inputs: { x: map(1) },
        forward: (_, { x }) => {
          const shared = F.relu(x);
          return { a: F.relu(F.relu(shared)), b: F.sigmoid(shared), shared };
        },
      });
      onBackend('wasm', () => {
        const whole = planOf(programOf('branches', graph, new Map()));
        const opsFor = (...wanted: string[]) => planFor(whole, wanted).steps.map(({ node }) => node.op);
        expect(opsFor('a')).to.deep.equal(['relu', 'relu', 'relu']);
        expect(opsFor('b')).to.deep.equal(['relu', 'sigmoid']);
        expect(opsFor('shared')).to.deep.equal(['relu']);
        const before = tf.memory().numTensors;
        const x = tf.tensor4d([1, -2], [1, 1, 2, 1]);
        const shapes = shapesOf(graph, { x: { batch: 1, height: 1, width: 2 } });
        const { b, ...others } = replay(planFor(whole, ['b']), kernels, { x }, shapes);
        expect(Object.keys(others)).to.deep.equal([]);
        tf.dispose([x, b as tf.Tensor]);
        expect(tf.memory().numTensors).to.equal(before);
      });
    });

    it('frees everything that it made when a kernel throws', () => {
      onBackend('wasm', () => {
        const plan = planOf(seededProgram(pico));
        const input = tf.zeros([1, 16, 16, 3]) as tf.Tensor4D;
        const before = tf.memory().numTensors;
        const failing = {
          ...kernels,
          concat: () => {
            tf.scalar(1); // an intermediate of the kernel
            throw new Error('no concat today');
          },
        };
        const shapes = shapesOf(plan.graph, { input: { batch: 1, height: 16, width: 16 } });
        expect(() => replay(plan, failing, { input }, shapes)).to.throw('no concat today');
        expect(tf.memory().numTensors).to.equal(before);
        tf.dispose([input, ...plan.parameters]);
      });
    });

    it('refuses a kernel that disagrees with the shape rule', () => {
      onBackend('wasm', () => {
        const plan = planOf(programOf('chain', chain, new Map()));
        const x = tf.zeros([1, 1, 2, 1]) as tf.Tensor4D;
        const wrong = { ...kernels, relu: () => tf.zeros([1, 2, 1, 1]) as tf.Tensor4D };
        const shapes = shapesOf(chain, { x: { batch: 1, height: 1, width: 2 } });
        expect(() => replay(plan, wrong, { x }, shapes)).to.throw(
          EngineError,
          /^chain: :relu: .*relu gave N×H×W×C 1×2×1×1, .*1×1×2×1/,
        );
        x.dispose();
      });
    });

    it('frees the parameters of a program whose weights are not complete', async () => {
      const before = tf.memory().numTensors;
      const program = seededProgram(pico);
      const weights = new Map(program.weights);
      weights.delete('head.bias');
      const missing = await rejection(engine.load({ ...program, weights }));
      expect(missing).to.be.instanceOf(CheckpointError);
      expect(missing.message).to.match(/^head\.bias: program .*\[3\], got none/);
      weights.set('head.bias', pixels);
      expect((await rejection(engine.load({ ...program, weights }))).message).to.match(
        /^head\.bias: program .*\[3\], got .*\[1, 1, 1, 2\]/,
      );
      expect(tf.memory().numTensors).to.equal(before);
    });

    it('uploads the parameters of a module that is called twice once', () => {
      const graph = recordPart({
        name: 'shared',
        inputs: { a: map(2), b: map(2) },
        forward: (scope, { a, b }) => ({
          a: conv2d(scope.at('conv'), a, 2, { kernel: 1 }),
          b: conv2d(scope.at('conv'), b, 2, { kernel: 1 }),
        }),
      });
      onBackend('wasm', () => {
        const { parameters } = planOf(seededProgram(graph));
        expect(parameters).to.have.length(2);
        tf.dispose([...parameters]);
      });
    });

    it('keeps parameters through the page’s scopes', async () => {
      tf.engine().startScope();
      const runner = await engine.load(programOf('chain', chain, new Map()));
      const shared = await engine.load(seededProgram(pico));
      const { y } = await namedOutputs(runner, { x: pixels }, 'y');
      tf.engine().endScope();
      expect([...(await y.read()).data]).to.deep.equal([1, 2]);
      const { logits } = await namedOutputs(shared, { input: seededInput('input', [1, 3, 16, 16]) }, 'logits');
      expect((await logits.read()).data).to.have.length(3);
      for (const each of [runner, shared, y, logits]) each.dispose();
    });

    it('adds up the peak memory of a run', () => {
      const plan = onBackend('wasm', () => planOf(programOf('chain', chain, new Map())));
      // 10 × 20 values of 4 bytes: the input, and the step's input and output
      const shapes = shapesOf(chain, { x: { batch: 1, height: 10, width: 20 } });
      expect(peakBytes(plan, shapes)).to.equal(3 * 800);
    });

    it('refuses a run beyond the budget before it begins', async () => {
      const memoryBudget = heldOnWasm() + 1e6;
      const small = await tfjsEngine('wasm', { memoryBudget });
      extra.push(small);
      const runner = await small.load(programOf('chain', chain, new Map()));
      const failure = await rejection(runner.run({ x: seededInput('x', [1, 1, 500, 500]) }));
      expect(failure).to.be.instanceOf(EngineError);
      expect(failure.message)
        .to.include(`a budget of ${(memoryBudget / 1e9).toFixed(3)} GB`)
        .and.match(/^chain at this size needs about 0\.003 GB .*Use a smaller image, or the engine onnxruntime/);
      const { y } = await namedOutputs(runner, { x: pixels }, 'y');
      expect([...(await y.read()).data]).to.deep.equal([1, 2]);
      y.dispose();
    });

    it('refuses a model beyond the budget, and counts it no longer once it is disposed', async () => {
      const program = seededProgram(
        recordPart({
          name: 'wide',
          inputs: { x: map(100) },
          forward: (scope, { x }) => ({ y: conv2d(scope, x, 1000, { kernel: 1 }) }),
        }),
      );
      const small = await tfjsEngine('wasm', { memoryBudget: heldOnWasm() + 1e6 });
      extra.push(small);
      // 0.4 MB of parameters, twice: once as a tensor and once as the convolution packs them
      for (let i = 0; i < 3; i++) (await small.load(program)).dispose();
      const first = await small.load(program);
      const failure = await rejection(small.load(program));
      expect(failure.message).to.match(/^program needs about 0\.001 GB of memory, .* Dispose other models, or use/);
      first.dispose();
      (await small.load(program)).dispose();
    });
  });

  describe('results', () => {
    it('are N×C×H×W when read and N×H×W×C as tensors', async () => {
      const runner = await engine.load(programOf('chain', chain, new Map()));
      const tensor = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [1, 2, 3, 2]);
      const result = deviceTensorOf(tensor);
      expect(result.shape).to.deep.equal([1, 2, 2, 3]);
      expect([...(await result.read()).data]).to.deep.equal([1, 3, 5, 7, 9, 11, 2, 4, 6, 8, 10, 12]);
      expect(tensorOf(result)).to.equal(tensor);
      result.dispose();
      expect(tensor.isDisposed).to.equal(true);
      runner.dispose();
    });

    it('of another engine have no tensor', async () => {
      const foreign = { shape: pixels.shape, read: async () => pixels, dispose: () => {} };
      expect(() => tensorOf(foreign)).to.throw(EngineError, /of another engine.*read\(\) it instead/);
    });

    it('cannot be inputs once they are disposed', async () => {
      const runner = await engine.load(programOf('chain', chain, new Map()));
      const { y } = await namedOutputs(runner, { x: pixels }, 'y');
      y.dispose();
      expect((await rejection(runner.run({ x: y }))).message).to.match(/^chain: y was disposed/);
      runner.dispose();
    });
  });

  it('names the part and the module in an error of TensorFlow.js', async () => {
    const graph = recordPart({
      name: 'wrong',
      inputs: { x: map(2) },
      forward: (scope, { x }) => ({
        y: conv2d(scope.at('stem.conv'), x, 2, { kernel: 1 }),
      }),
    });
    // graphs that were changed by hand
    const changed = (op: string, attributes: object) => ({
      ...graph,
      nodes: graph.nodes.map((node) =>
        node.op === op ? ({ ...node, attributes: { ...node.attributes, ...attributes } } as typeof node) : node,
      ),
    });
    const loading = await rejection(engine.load(seededProgram(changed('conv2d', { groups: 1.5 }))));
    expect(loading).to.be.instanceOf(EngineError);
    expect(loading.message).to.match(/^program: stem\.conv: TensorFlow\.js cannot .* conv2d: .*positive integers/);
    const failing = { ...kernels, relu: () => tf.reshape([1, 2], [3]) as unknown as tf.Tensor4D };
    onBackend('wasm', () => {
      const x = tf.tensor4d([1, 2], [1, 1, 2, 1]);
      const shapes = shapesOf(chain, { x: { batch: 1, height: 1, width: 2 } });
      expect(() => replay(planOf(programOf('chain', chain, new Map())), failing, { x }, shapes)).to.throw(
        EngineError,
        /^chain: :relu: TensorFlow\.js cannot compute relu: Size\(2\) must match/,
      );
      x.dispose();
    });
  });

  it('reports its threads and instructions', () => {
    expect(engine.detail).to.match(/^\d+ threads?, (no )?SIMD$/);
  });

  it('refuses a backend that it does not know by name', async () => {
    const failure = await rejection(tfjsEngine('webgpu' as 'webgl'));
    expect(failure).to.be.instanceOf(UnsupportedError);
    expect(failure.message).to.match(/"webgpu".*Use cpu, wasm, webgl/);
  });

  it('prints nothing and leaves no handlers of errors behind', function () {
    this.timeout(60_000);
    const script = `
      const { tfjsEngine } = await import('./src/engines/tfjs/engine.ts');
      const [cpu] = await Promise.all([tfjsEngine('cpu'), tfjsEngine('wasm'), tfjsEngine('wasm')]);
      process.exitCode = process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');`;
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      { encoding: 'utf8' },
    );
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '', stderr: '' });
  });

  it('falls back to wasm in a browser whose WebGL does not start', function () {
    this.timeout(60_000);
    // Node has no factory of webgl: this one fails as that of a browser without WebGL does
    const script = `
      const tf = await import('@tensorflow/tfjs');
      tf.registerBackend('webgl', () => { throw new Error('no context'); }, 2);
      const { openBrowserEngine } = await import('./src/engines/browser.ts');
      const engine = await openBrowserEngine('auto');
      console.log(engine.name, tf.getBackend(), tf.memory().numTensors, engine.hint);`;
    const { stdout } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(stdout).to.match(/^wasm wasm 0 TensorFlow\.js cannot start its webgl backend/);
  });
});

describe('permute', () => {
  it('moves axis order[i] to position i', () => {
    // [[1 2 3] [4 5 6]] of two rows, the columns first
    expect([...permute({ shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, [1, 0]).data]).to.deep.equal([
      1, 4, 2, 5, 3, 6,
    ]);
    const cube = permute({ shape: [1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, [2, 0, 1]);
    expect(cube.shape).to.deep.equal([3, 1, 2]);
    expect([...cube.data]).to.deep.equal([1, 4, 2, 5, 3, 6]);
  });
});
