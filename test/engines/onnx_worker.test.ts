import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOnnxRuntime, openNodeEngine, startOnnxRuntime } from '../../src/engines/node.ts';
import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { onnxWorker } from '../../src/engines/onnx_worker/host.ts';
import { EngineError } from '../../src/errors.ts';
import { conv2d, type Engine, F, map, programOf, type Runner, recordPart } from '../../src/nn/index.ts';
import { bakedWorker } from '../harness/baked_worker.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** The promises of onnxruntime's own thread; those of every engine are in the contract suite. */

/** Convolutions that take a while on a large map. */
const graph = recordPart({
  name: 'slow',
  inputs: { x: map(8) },
  forward: (scope, { x }) => {
    let y = x;
    for (let i = 0; i < 6; i++) y = F.relu(conv2d(scope.at(`${i}`), y, 8, { kernel: 7, bias: false }));
    return { y };
  },
});
const weights = new Map(
  [0, 1, 2, 3, 4, 5].map((i) => [`${i}.weight`, seededWeight(`${i}.weight`, [8, 8, 7, 7])] as const),
);
const program = programOf('slow', graph, weights);

/** Runs a module in a process of its own. */
function processOf(script: string, flags: readonly string[] = []) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { status, stdout: stdout.trim(), stderr };
}

/** Opens the engine in a process of its own, and a runner of one sum. */
const sumOnEngine = `
  const { openNodeEngine } = await import('./src/engines/node.ts');
  const { F, map, programOf, recordPart } = await import('./src/nn/index.ts');
  const graph = recordPart({ name: 'sum', inputs: { x: map(1) }, forward: (_, { x }) => ({ y: F.add(x, x) }) });
  const engine = await openNodeEngine('onnxruntime');
  const runner = await engine.load(programOf('sum', graph, new Map()));
  const x = { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) };
`;

describe('onnxruntime in a thread of its own', function () {
  this.timeout(120_000);

  before(async function () {
    const { ort, reason } = await startOnnxRuntime();
    await ort?.close?.();
    if (ort) return;
    console.log(`      skipped: ${reason}`);
    this.skip();
  });

  it('has the code of main.ts', async () => {
    const file = new URL('../../src/engines/onnx_worker/code.data.ts', import.meta.url);
    expect(readFileSync(file, 'utf8'), 'run scripts/bake_worker.ts').to.equal(await bakedWorker());
  });

  for (const name of ['onnxruntime', 'ort-wasm']) {
    describe(`as the engine ${name}`, () => {
      let engine: Engine;
      let runner: Runner;
      before(async () => {
        engine = await openNodeEngine(name, { threads: 1 });
        runner = await engine.load(program);
      });
      after(() => engine.dispose());

      it('does not block its caller: timers go on while it computes', async () => {
        expect(engine.blocking).to.equal(false);
        let ticks = 0;
        const timer = setInterval(() => ticks++, 5);
        const { y } = await runner.run({ x: seededInput('x', [1, 8, 512, 512]) });
        clearInterval(timer);
        y?.dispose();
        expect(ticks).to.be.at.least(5); // the run takes some hundred milliseconds
      });

      it('rejects at once when a run is aborted, and then goes on', async () => {
        const long = runner.run({ x: seededInput('x', [1, 8, 700, 700]) });
        let isDone = false;
        void long.then(() => {
          isDone = true;
        });
        const waiting = runner.run({ x: seededInput('x', [1, 8, 2, 2]) }, undefined, AbortSignal.timeout(20));
        expect((await rejection(waiting)).name).to.equal('TimeoutError');
        expect(isDone).to.equal(false);
        const begun = new AbortController();
        await long;
        const running = runner.run({ x: seededInput('x', [1, 8, 700, 700]) }, undefined, begun.signal);
        setTimeout(() => begun.abort(new Error('enough')), 20);
        expect((await rejection(running)).message).to.equal('enough');
        const { y } = await runner.run({ x: seededInput('x', [1, 8, 2, 2]) });
        expect(y?.shape).to.deep.equal([1, 8, 2, 2]);
        y?.dispose();
        for (const tensor of Object.values(await long)) tensor.dispose();
      });

      it('leaves the caller its weights and its inputs', async () => {
        const x = seededInput('x', [1, 8, 4, 4]);
        const { y } = await runner.run({ x });
        expect(x.data).to.have.length(128);
        expect([...weights.values()].every(({ data }) => data.length === 8 * 8 * 49)).to.equal(true);
        const values = await y?.read();
        expect(values?.data).to.be.instanceOf(Float32Array);
        expect(values?.data).to.deep.equal((await y?.read())?.data);
        y?.dispose();
      });

      it('refuses what is too large for memory, and goes on', async () => {
        const graph = recordPart({
          name: 'huge',
          inputs: { x: map(1) },
          forward: (_, { x }) => ({ y: F.resize(x, { factor: 50_000 }) }),
        });
        const huge = await engine.load(programOf('huge', graph, new Map()));
        const failure = await rejection(huge.run({ x: seededInput('x', [1, 1, 9, 9]) }));
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(new RegExp(`^huge: ${name} failed: `));
        const { y } = await runner.run({ x: seededInput('x', [1, 8, 2, 2]) });
        y?.dispose();
      });
    });
  }

  it('reports a thread that ends, at once and to every later call, and can be disposed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moganet-ort-'));
    const path = join(folder, 'runtime.cjs');
    writeFileSync(
      path,
      `exports.Tensor = class { constructor(type, data, dims) { Object.assign(this, { type, data, dims }); } };
       exports.InferenceSession = { create: async () => ({ run: async () => process.exit(7), release: async () => {} }) };`,
    );
    try {
      const engine = onnxEngine(await onnxWorker(path), { threads: 1 });
      const runner = await engine.load(program);
      const x = seededInput('x', [1, 8, 2, 2]);
      const [during, waiting] = [rejection(runner.run({ x })), rejection(runner.run({ x }))];
      for (const failure of [await during, await waiting, await rejection(engine.load(program))]) {
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(/thread of onnxruntime ended with status 7.*load it again/);
      }
      await engine.dispose();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('gives the reason if the runtime does not load', async () => {
    const failure = await rejection(onnxWorker(join(tmpdir(), 'moganet-no-such-runtime.cjs')));
    expect(failure.message).to.match(/Cannot find module .*moganet-no-such-runtime/);
  });

  it('lets a process end that does not dispose it, but not during a run', () => {
    const { status, stdout, stderr } = processOf(`${sumOnEngine}
      runner.run({ x }).then(async ({ y }) => console.log(...(await y.read()).data));`);
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: '2 4', stderr: '' });
  });

  it('keeps the exit code of a process that ends during a run', () => {
    const ending = (how: string) => `
      const { openNodeEngine } = await import('./src/engines/node.ts');
      const { conv2d, map, programOf, recordPart } = await import('./src/nn/index.ts');
      const { seededWeight } = await import('./test/harness/seeded.ts');
      const graph = recordPart({
        name: 'slow',
        inputs: { x: map(8) },
        forward: (scope, { x }) => ({ y: conv2d(scope.at('0'), x, 8, { kernel: 7, bias: false }) }),
      });
      const engine = await openNodeEngine('onnxruntime');
      const weights = new Map([['0.weight', seededWeight('0.weight', [8, 8, 7, 7])]]);
      const runner = await engine.load(programOf('slow', graph, weights));
      const x = { shape: [1, 8, 1024, 1024], data: new Float32Array(8 * 1024 * 1024) };
      for (let i = 0; i < 3; i++) runner.run({ x }).catch(() => {});
      setTimeout(() => { ${how} }, 100);
    `;
    expect(processOf(ending('process.exit(7);')).status, 'exit').to.equal(7);
    const thrown = processOf(ending("throw new Error('of the caller');"));
    expect(thrown.status, 'uncaught error').to.equal(1);
    expect(thrown.stderr).to.include('of the caller').and.not.include('terminate called');
  });

  describe('does not hold up a process that ends', () => {
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'moganet-ort-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    /** Runs a module in a process of its own, with a runner of a sum on a runtime of which `run` and `getData` are given. */
    const onFake = (run: string, getData: string, script: string, options = {}) => {
      const path = join(folder, 'runtime.cjs');
      writeFileSync(
        path,
        `class Tensor {
           constructor(type, data, dims) { Object.assign(this, { type, data, dims, getData: ${getData} }); }
           dispose() {}
         }
         const session = { run: ${run}, release: async () => {} };
         Object.assign(exports, { Tensor, InferenceSession: { create: async () => session } });`,
      );
      return processOf(`
        const { onnxEngine } = await import('./src/engines/onnx/engine.ts');
        const { onnxWorker } = await import('./src/engines/onnx_worker/host.ts');
        const { F, map, programOf, recordPart } = await import('./src/nn/index.ts');
        const graph = recordPart({ name: 'sum', inputs: { x: map(1) }, forward: (_, { x }) => ({ y: F.add(x, x) }) });
        const ort = await onnxWorker(${JSON.stringify(path)}, ${JSON.stringify(options)});
        const engine = onnxEngine(ort, { threads: 1 });
        const runner = await engine.load({ ...programOf('sum', graph, new Map()), onDevice: ['y'] });
        const x = { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) };
        ${script}`);
    };
    const failing = "() => new Promise(() => setTimeout(() => { throw new Error('late'); }, 200))";
    const whole = 'async () => data';

    it('because its thread has failed during a run', () => {
      const { status, stdout } = onFake(
        failing,
        whole,
        'await runner.run({ x }).catch(({ message }) => { console.log(message); process.exit(3); });',
      );
      expect(stdout).to.match(/thread of onnxruntime failed \(late\)/);
      expect(status).to.equal(3);
    });

    it('if its thread fails while the process waits for a run', () => {
      const script = 'void runner.run({ x }); setTimeout(() => process.exit(3), 50);';
      expect(onFake(failing, whole, script).status).to.equal(3);
    });

    it('while WebAssembly computes, which can be ended at any time', () => {
      const endless = '() => { for (;;); }';
      const script = 'void runner.run({ x }); setTimeout(() => process.exit(3), 50);';
      expect(onFake(endless, whole, script, { isNative: false }).status).to.equal(3);
    });

    it('while the thread of an engine that was disposed comes to its end', () => {
      const { status, stderr } = onFake(
        'async ({ x }) => ({ y: x })',
        '() => new Promise(() => {})', // the thread is about to free the tensor
        `const { Worker } = process.getBuiltinModule('node:worker_threads');
         const { terminate } = Worker.prototype;
         Worker.prototype.terminate = function () {
           void terminate.call(this);
           process.exit(3);
         };
         const { y } = await runner.run({ x });
         runner.dispose();
         await new Promise((resolve) => setTimeout(resolve, 50));
         y.dispose();
         await new Promise((resolve) => setTimeout(resolve, 50));
         await engine.dispose();`,
      );
      expect({ status, stderr }).to.deep.equal({ status: 3, stderr: '' });
    });
  });

  it('works in a thread of the caller', () => {
    const { status, stdout, stderr } = processOf(`
      const { Worker } = await import('node:worker_threads');
      const inside = ${JSON.stringify(`(async () => {
        const { tsImport } = await import('tsx/esm/api');
        const { openNodeEngine } = await tsImport('./src/engines/node.ts', 'file://' + process.cwd() + '/x.mjs');
        const engine = await openNodeEngine('onnxruntime');
        console.log(engine.name, engine.blocking);
        await engine.dispose();
      })()`)};
      new Worker(inside, { eval: true, execArgv: [] });`);
    expect({ status, stdout, stderr }).to.deep.equal({ status: 0, stdout: 'onnxruntime false', stderr: '' });
  });

  it('says what the permission model of Node has to allow', async () => {
    for (const code of ['ERR_ACCESS_DENIED', 'ERR_DLOPEN_DISABLED']) {
      const { reason, remedy } = await loadOnnxRuntime(() => {
        throw Object.assign(new Error('access is restricted'), { code });
      });
      expect(reason).to.match(/does not start \(access is restricted\)/);
      expect(remedy).to.match(/allow-worker, allow-addons/);
    }
  });

  it('keeps the code of the error with which the runtime does not load', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moganet-ort-'));
    const path = join(folder, 'runtime.cjs');
    writeFileSync(path, "throw Object.assign(new Error('no addons'), { code: 'ERR_DLOPEN_DISABLED' });");
    const failure = await rejection(onnxWorker(path));
    rmSync(folder, { recursive: true });
    expect(failure).to.include({ message: 'no addons', code: 'ERR_DLOPEN_DISABLED' });
  });
});
