import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { type OnnxRuntime, type OnnxTensor, onnxEngine } from '../../src/engines/onnx/engine.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { onnxWorker } from '../../src/engines/onnx_worker/host.ts';
import { EngineError } from '../../src/errors.ts';
import {
  conv2d,
  type DeviceTensor,
  type Engine,
  F,
  map,
  programOf,
  type Runner,
  recordPart,
} from '../../src/nn/index.ts';
import { collectGarbage } from '../harness/garbage.ts';
import { seeded } from '../harness/optimised.ts';
import { rejection } from '../harness/rejection.ts';

/** Whose the memory of tensors is that go to onnxruntime's thread and back. */

const doubling = programOf(
  'doubling',
  recordPart({ name: 'doubling', inputs: { x: map(1) }, forward: (_, { x }) => ({ y: F.add(x, x) }) }),
  new Map(),
);
const adding = programOf(
  'adding',
  recordPart({ name: 'adding', inputs: { a: map(1), b: map(1) }, forward: (_, { a, b }) => ({ y: F.add(a, b) }) }),
  new Map(),
);
const row = (...values: number[]) => ({ shape: [1, 1, 1, values.length], data: Float32Array.from(values) });
const one = { kernel: 1, bias: false };
const valuesOf = async (tensor: DeviceTensor | undefined) => [...((await tensor?.read())?.data ?? [])];

/** A run that gives [1, 2] in memory of the runtime's own, which does not move. */
const fixed = `async () => {
  const data = Float32Array.of(1, 2);
  require('node:worker_threads').markAsUntransferable(data.buffer);
  return { y: new Tensor('float32', data, [1, 1, 1, 2]) };
}`;

describe('memory of onnxruntime’s thread', () => {
  let engine: Engine;
  before(async function () {
    const { ort, reason } = await startOnnxRuntime();
    if (!ort) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    engine = onnxEngine(ort, { threads: 1 });
  });
  after(() => engine?.dispose());

  for (const [where, onDevice] of [
    ['on this side', []],
    ['with the thread', ['y']],
  ] as const) {
    describe(`of outputs that are ${where}`, () => {
      it('leaves a reader the values of a tensor that is fed to a run', async () => {
        const runner = await engine.load({ ...doubling, onDevice });
        const { y } = await runner.run({ x: row(1, 2, 3) });
        const read = await y?.read();
        const { y: again } = await runner.run({ x: y as DeviceTensor });
        expect([...(read?.data ?? [])]).to.deep.equal([2, 4, 6]);
        expect(await valuesOf(y)).to.deep.equal([2, 4, 6]);
        expect(await valuesOf(again)).to.deep.equal([4, 8, 12]);
        y?.dispose();
        expect([...(read?.data ?? [])], 'after it was disposed').to.deep.equal([2, 4, 6]);
      });

      it('takes a tensor for several inputs and in several runs that wait', async () => {
        const [once, twice] = [
          await engine.load({ ...doubling, onDevice }),
          await engine.load({ ...adding, onDevice }),
        ];
        const { y } = await once.run({ x: row(1, 2) });
        const tensor = y as DeviceTensor;
        const runs = await Promise.all([
          twice.run({ a: tensor, b: tensor }),
          once.run({ x: tensor }),
          once.run({ x: tensor }),
        ]);
        for (const outputs of runs) expect(await valuesOf(outputs.y)).to.deep.equal([4, 8]);
        expect(await valuesOf(y)).to.deep.equal([2, 4]);
      });

      it('reads no values that are not finite', async () => {
        const runner = await engine.load({ ...doubling, onDevice });
        const { y } = await runner.run({ x: row(1, 3e38) });
        const failure = await rejection(valuesOf(y));
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(
          /^doubling: y, computed by onnxruntime, is not finite: 1 of 2 .* at \[0, 0, 0, 1\]/,
        );
        y?.dispose();
      });
    });
  }

  it('keeps what was read when the engine is disposed', async () => {
    const { ort } = await startOnnxRuntime();
    const other = onnxEngine(ort as OnnxRuntime, { threads: 1 });
    const { y } = await (await other.load(doubling)).run({ x: row(1, 2) });
    await other.dispose();
    expect(await valuesOf(y)).to.deep.equal([2, 4]);
  });

  /** Runs a program on a runtime of which only the function `run` is real. */
  async function onFake<T>(run: string, use: (engine: Engine) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(tmpdir(), 'moganet-ort-'));
    const path = join(folder, 'runtime.cjs');
    writeFileSync(
      path,
      `class Tensor {
         constructor(type, data, dims) { Object.assign(this, { type, data, dims }); }
         async getData() { return this.data; }
         dispose() {}
       }
       const session = { run: ${run}, release: async () => {} };
       Object.assign(exports, { Tensor, InferenceSession: { create: async () => session } });`,
    );
    const engine = onnxEngine(await onnxWorker(path), { threads: 1 });
    try {
      return await use(engine);
    } finally {
      await engine.dispose();
      rmSync(folder, { recursive: true });
    }
  }

  it('reads a tensor that a run has, also if it is disposed meanwhile', async () => {
    const run = `async ({ x }) => {
      await new Promise((resolve) => setTimeout(resolve, 50));
      return { y: new Tensor('float32', x.data.map((value) => 2 * value), x.dims) };
    }`;
    await onFake(run, async (engine) => {
      const runner = await engine.load(doubling);
      const { y } = await runner.run({ x: row(1, 2) });
      const running = runner.run({ x: y as DeviceTensor });
      await new Promise((resolve) => setTimeout(resolve, 10));
      const reading = valuesOf(y);
      y?.dispose();
      expect(await reading).to.deep.equal([2, 4]);
      expect(await valuesOf((await running).y)).to.deep.equal([4, 8]);
    });
  });

  it('keeps other inputs of a run whose input is disposed while it waits for one that is read', async () => {
    const { ort } = await startOnnxRuntime();
    if (!ort) throw new EngineError('onnxruntime started before');
    const { model } = onnxInParts(emitOnnx(adding));
    const session = await ort.InferenceSession.create(model, { kept: ['y'] });
    const tensor = (...values: number[]) => new ort.Tensor('float32', Float32Array.from(values), [1, 1, 1, 1]);
    const { y: b } = await session.run({ a: tensor(1), b: tensor(2) }, ['y']);
    const [a, c] = [tensor(4), tensor(5)];
    const reading = b?.getData();
    const running = rejection(session.run({ a, b: b as OnnxTensor, c }, ['y']));
    c.dispose();
    expect((await running).message).to.match(/an input was disposed while the run waited/);
    expect(await reading).to.deep.equal(Float32Array.of(3));
    expect(await a.getData()).to.deep.equal(Float32Array.of(4));
    await ort.close?.();
  });

  it('gives tensors back from a run that fails', async () => {
    const run = `async ({ x }) => {
      if (x.data[0] < 0) throw new Error('refused');
      return { y: new Tensor('float32', Float32Array.of(-1, 2), [1, 1, 1, 2]) };
    }`;
    await onFake(run, async (engine) => {
      const runner = await engine.load(doubling);
      const { y } = await runner.run({ x: row(1, 2) });
      const failure = await rejection(runner.run({ x: y as DeviceTensor }));
      expect(failure).to.be.instanceOf(EngineError);
      expect(failure.message).to.match(/refused/);
      expect(await valuesOf(y)).to.deep.equal([-1, 2]);
    });
  });

  it('is free as soon as nobody has the outputs, before the next run', async () => {
    const runner = await engine.load(doubling);
    const { y: input } = await runner.run({ x: row(1, 2) });
    const dataOf = async (run: ReturnType<Runner['run']>) =>
      new WeakRef((await (await run).y?.read())?.data as Float32Array);
    const outputs = [
      await dataOf(runner.run({ x: input as DeviceTensor })),
      await dataOf(runner.run({ x: row(3, 4) })),
    ];
    await collectGarbage();
    expect(outputs.map((data) => data.deref())).to.deep.equal([undefined, undefined]);
    input?.dispose();
    runner.dispose();
  });

  it('moves inputs and outputs instead of copying them', async () => {
    // tells how many values the worker still has of the last run
    const run = `async ({ x }) => {
      const left = (globalThis.previous ?? []).map((data) => data.length);
      const y = new Tensor('float32', Float32Array.of(x.data[0], ...left), [1, 1, 1, 1 + left.length]);
      globalThis.previous = [x.data, y.data];
      return { y };
    }`;
    await onFake(run, async (engine) => {
      const runner = await engine.load(doubling);
      expect(await valuesOf((await runner.run({ x: row(7) })).y)).to.deep.equal([7]);
      expect(await valuesOf((await runner.run({ x: row(8) })).y)).to.deep.equal([8, 0, 0]);
    });
  });

  it('moves spare weights to a session and copies those that are somebody’s', async () => {
    const graph = recordPart({
      name: 'weighing',
      inputs: { x: map(1) },
      forward: (scope, { x }) => ({ y: conv2d(scope.at('b'), conv2d(scope.at('a'), x, 1, one), 1, one) }),
    });
    const program = programOf('weighing', graph, seeded(graph));
    const [a, b] = ['a.weight', 'b.weight'].map((key) => program.weights.get(key)?.data as Float32Array<ArrayBuffer>);
    await onFake(fixed, async (engine) => {
      await engine.load({ ...program, spare: new Set([b?.buffer as ArrayBuffer]) });
      expect([a?.length, b?.length]).to.deep.equal([1, 0]);
    });
  });

  it('copies memory of the runtime that does not move', async () => {
    await onFake(fixed, async (engine) => {
      const runner = await engine.load(doubling);
      for (let i = 0; i < 2; i++) {
        expect(await valuesOf((await runner.run({ x: row(7, 8) })).y)).to.deep.equal([1, 2]);
      }
    });
  });

  it('loses a tensor with a thread that ends while a run has it, and says so', async () => {
    const run = `async ({ x }) => (x.data[0] < 0 ? process.exit(7) : { y: new Tensor('float32', Float32Array.of(-1), [1, 1, 1, 1]) })`;
    await onFake(run, async (engine) => {
      const runner = await engine.load(doubling);
      const { y } = await runner.run({ x: row(7) });
      expect((await rejection(runner.run({ x: y as DeviceTensor }))).message).to.match(/ended with status 7/);
      expect((await rejection(valuesOf(y))).message).to.match(/lost with the thread/);
    });
  });

  it('loses what the thread keeps with the engine, and says which output and what to do', async () => {
    await onFake('async () => ({ y: new Tensor("float32", Float32Array.of(-1), [1, 1, 1, 1]) })', async (engine) => {
      const runner = await engine.load({ ...doubling, onDevice: ['y'] });
      const { y } = await runner.run({ x: row(7) });
      await engine.dispose();
      const failure = await rejection(valuesOf(y));
      expect(failure).to.be.instanceOf(EngineError);
      expect(failure.message).to.match(/^doubling: y cannot be read: .*before their engine is disposed/);
      expect(failure.cause).to.have.nested.property('cause.message').that.includes('the engine was disposed');
    });
  });

  describe('of an output that stays with the thread', () => {
    const staying = { ...doubling, onDevice: ['y'] };
    /** Gives whether it got the array that it made last, and the length of that. Waits if the first value is negative. */
    const run = `async ({ x }) => {
      if (x.data[0] === 99) throw new Error('refused');
      const { made } = globalThis;
      const values = made ? [x.data === made ? 1 : 0, made.length] : [0, 0];
      if (x.data[0] < 0) await new Promise((resolve) => setTimeout(resolve, 50));
      globalThis.made = Float32Array.from(values);
      return { y: new Tensor('float32', globalThis.made, [1, 1, 1, 2]) };
    }`;
    const outputOf = async (output: ReturnType<Runner['run']>): Promise<DeviceTensor> =>
      (await output).y as DeviceTensor;

    it('feeds other runs there, which leave it', async () => {
      await onFake(run, async (engine) => {
        const runner = await engine.load(staying);
        const first = await outputOf(runner.run({ x: row(7) }));
        const second = await outputOf(runner.run({ x: first }));
        expect(await valuesOf(second)).to.deep.equal([1, 2]);
        expect(await valuesOf(first)).to.deep.equal([0, 0]);
      });
    });

    it('is free as soon as it is disposed, once', async () => {
      await onFake(run, async (engine) => {
        const runner = await engine.load(staying);
        const y = await outputOf(runner.run({ x: row(7) }));
        expect(y.shape).to.deep.equal([1, 1, 1, 2]);
        y.dispose();
        y.dispose();
        expect(await valuesOf(await outputOf(runner.run({ x: row(8) })))).to.deep.equal([0, 0]); // its array has no length
        expect((await rejection(runner.run({ x: y }))).message).to.match(/doubling: y was disposed/);
      });
    });

    it('is free after a run that has it if it is disposed meanwhile', async () => {
      await onFake(run, async (engine) => {
        const runner = await engine.load(staying);
        const y = await outputOf(runner.run({ x: row(-7) }));
        const running = outputOf(runner.run({ x: y }));
        await new Promise((resolve) => setTimeout(resolve, 10));
        y.dispose();
        expect(await valuesOf(await running)).to.deep.equal([1, 2]);
      });
    });

    it('is its reader’s once it is read, also if it is disposed meanwhile', async () => {
      await onFake(run, async (engine) => {
        const runner = await engine.load(staying);
        const y = await outputOf(runner.run({ x: row(7) }));
        const [reading, again, running] = [y.read(), y.read(), outputOf(runner.run({ x: y }))];
        const copied = await running;
        y.dispose();
        expect([...(await reading).data]).to.deep.equal([0, 0]);
        expect((await again).data).to.deep.equal((await reading).data);
        expect(await valuesOf(copied), 'the run had a copy').to.deep.equal([0, 0]);
      });
    });

    it('outlives a run that fails', async () => {
      await onFake(run.replace('Float32Array.from(values)', 'Float32Array.of(99, 2)'), async (engine) => {
        const runner = await engine.load(staying);
        const y = await outputOf(runner.run({ x: row(7) }));
        expect((await rejection(runner.run({ x: y }))).message).to.match(/refused/);
        expect(await valuesOf(y)).to.deep.equal([99, 2]);
      });
    });

    it('is copied to its reader if it is memory of the runtime that does not move', async () => {
      await onFake(fixed, async (engine) => {
        const runner = await engine.load(staying);
        (await outputOf(runner.run({ x: row(7) }))).dispose();
        expect(await valuesOf(await outputOf(runner.run({ x: row(7) })))).to.deep.equal([1, 2]);
      });
    });

    it('is lost with the thread, and says so', async () => {
      await onFake(run.replace("throw new Error('refused')", 'process.exit(7)'), async (engine) => {
        const runner = await engine.load(staying);
        const y = await outputOf(runner.run({ x: row(7) }));
        expect((await rejection(runner.run({ x: row(99) }))).message).to.match(/ended with status 7/);
        expect((await rejection(y.read())).message).to.match(/lost with the thread/);
        y.dispose();
      });
    });

    it('is lost with an engine that is disposed', async () => {
      const { ort } = await startOnnxRuntime();
      const other = onnxEngine(ort as OnnxRuntime, { threads: 1 });
      const y = await outputOf((await other.load(staying)).run({ x: row(1, 2) }));
      await other.dispose();
      expect((await rejection(y.read())).message).to.match(/lost with the thread/);
      y.dispose();
    });
  });
});

describe('memory of inputs', () => {
  /** An engine on a runtime that computes nothing, and the inputs that it was given. */
  function noting() {
    const taken: Float32Array[] = [];
    class Tensor {
      constructor(
        readonly type: string,
        readonly data: Float32Array,
        readonly dims: readonly number[],
      ) {
        if (data.length > 1) taken.push(data);
      }
      getData = async () => this.data;
      dispose = () => {};
    }
    const session = {
      run: async () => ({ y: new Tensor('float32', Float32Array.of(0), [1, 1, 1, 1]) }),
      release: async () => {},
    };
    const ort = { Tensor, InferenceSession: { create: async () => session } } as unknown as OnnxRuntime;
    return { engine: onnxEngine(ort), taken };
  }

  it('is used again by the next run of the same size', async () => {
    const { engine, taken } = noting();
    const runner = await engine.load(doubling);
    for (const values of [
      [1, 2],
      [3, 4],
      [5, 6, 7],
    ])
      await runner.run({ x: row(...values) });
    const [first, second, longer] = taken;
    expect(second).to.equal(first);
    expect([...(second ?? [])]).to.deep.equal([3, 4]);
    expect([...(longer ?? [])]).to.deep.equal([5, 6, 7]);
  });

  it('is of each call’s own if calls overlap', async () => {
    const { engine, taken } = noting();
    const runner = await engine.load(doubling);
    await runner.run({ x: row(0, 0) });
    taken.length = 0;
    await Promise.all([runner.run({ x: row(1, 2) }), runner.run({ x: row(3, 4) })]);
    expect(taken.map((data) => [...data])).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
  });

  it('is free once the runner is disposed, even if its owner keeps it', async () => {
    const { engine, taken } = noting();
    const runner = await engine.load(doubling);
    await runner.run({ x: row(1, 2) });
    const inputs = taken.splice(0).map((data) => new WeakRef(data));
    expect(inputs).to.have.length(1);
    runner.dispose();
    await engine.dispose();
    await collectGarbage();
    expect(inputs[0]?.deref()).to.equal(undefined);
    expect(runner).to.be.an('object');
  });
});
