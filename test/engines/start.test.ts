import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { loadOnnxRuntime, nodeEngines, openNodeEngine, startOrtWeb } from '../../src/engines/node.ts';
import type { OnnxRuntime, SessionOptions } from '../../src/engines/onnx/engine.ts';
import { type OnnxWebRuntime, ortWasmEngine } from '../../src/engines/onnx/web.ts';
import { ConfigError, EngineError } from '../../src/errors.ts';
import { rejection } from '../harness/rejection.ts';

/** How engines start, and what is left of one that does not. TensorFlow.js has one state per process: each case has its own. */

interface Outcome {
  readonly name?: string;
  readonly hint?: string;
  readonly error?: string;
  readonly message?: string;
  /** TensorFlow.js's current backend afterwards. */
  readonly backend?: string;
  readonly tensors: number;
}

/** Starts engines one after the other in a process whose backends of these names fail. */
function startsOf(names: readonly string[], failing: readonly string[], before = ''): Outcome[] {
  const script = `
    const tf = await import('@tensorflow/tfjs-core');
    await import('@tensorflow/tfjs-backend-wasm');
    await import('@tensorflow/tfjs-backend-cpu');
    await import('@tensorflow/tfjs-backend-webgl');
    for (const name of ${JSON.stringify(failing)}) {
      if (tf.findBackendFactory(name)) tf.removeBackend(name);
      const fail = () => { throw new Error('no ' + name + ' today'); };
      tf.registerBackend(name, name === 'wasm' ? async () => fail() : fail, 2);
    }
    const { openBrowserEngine } = await import('./src/engines/browser.ts');
    ${before}
    const outcomes = [];
    for (const name of ${JSON.stringify(names)}) {
      const outcome = await openBrowserEngine(name).then(
        async (engine) => {
          const { name, hint } = engine;
          await engine.dispose();
          return { name, hint };
        },
        (error) => ({ error: error.name, message: error.message }),
      );
      outcomes.push({ ...outcome, backend: tf.getBackend(), tensors: tf.engine().state.numTensors });
    }
    console.log(JSON.stringify(outcomes));`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  expect(stderr).to.equal('');
  return JSON.parse(stdout);
}

describe('starting engines of a browser', function () {
  this.timeout(60_000);

  it('takes wasm if there is no WebGL, and says why, again and again', () => {
    const outcomes = startsOf(['auto', 'webgl', 'auto', 'wasm', 'cpu'], ['webgl']);
    expect(outcomes.map(({ name, error }) => name ?? error)).to.deep.equal([
      'wasm',
      'EngineError',
      'wasm',
      'wasm',
      'cpu',
    ]);
    expect(outcomes[0]?.hint).to.match(/webgl backend: no webgl today.*WebGL 2/);
    expect(outcomes[1]?.message).to.match(/webgl backend: no webgl today/);
    expect(outcomes.map(({ backend }) => backend)).to.deep.equal(new Array(5).fill('wasm'));
    expect(outcomes.map(({ tensors }) => tensors)).to.deep.equal(new Array(5).fill(0));
  });

  it('takes cpu if neither WebGL nor wasm starts', () => {
    const outcomes = startsOf(['auto', 'wasm', 'webgl', 'auto'], ['webgl', 'wasm']);
    expect(outcomes.map(({ name, error }) => name ?? error)).to.deep.equal([
      'cpu',
      'EngineError',
      'EngineError',
      'cpu',
    ]);
    expect(outcomes[0]?.hint).to.match(/no webgl today.*no wasm today/);
    expect(outcomes[0]?.hint).to.not.match(/wasmPaths/);
    expect(outcomes.map(({ backend }) => backend)).to.deep.equal(new Array(4).fill('cpu'));
  });

  it('says why each engine cannot start if none does', () => {
    const [outcome] = startsOf(['auto'], ['webgl', 'wasm', 'cpu']);
    expect(outcome?.error).to.equal('EngineError');
    expect(outcome?.message).to.match(/no engine can start.*no webgl today.*no wasm today.*no cpu today/);
  });

  it('leaves the page’s backend selected when another one fails', () => {
    const outcomes = startsOf(['webgl', 'wasm', 'auto'], ['webgl', 'wasm'], "await tf.setBackend('cpu');");
    expect(outcomes.map(({ name, error }) => name ?? error)).to.deep.equal(['EngineError', 'EngineError', 'cpu']);
    expect(outcomes.map(({ backend }) => backend)).to.deep.equal(['cpu', 'cpu', 'cpu']);
  });

  it('starts although the page’s own backend failed to', () => {
    const quiet =
      "const { warn } = console; console.warn = () => {}; await tf.setBackend('webgl'); console.warn = warn;";
    const outcomes = startsOf(['wasm', 'cpu'], ['webgl'], quiet);
    expect(outcomes.map(({ name }) => name)).to.deep.equal(['wasm', 'cpu']);
  });

  it('tells a page that forbids WebAssembly', () => {
    const forbidden = `WebAssembly.Module = class {
      constructor() { throw new WebAssembly.CompileError("blocked by CSP: 'unsafe-eval' is not allowed"); }
    };`;
    const [wasm, auto] = startsOf(['wasm', 'auto'], ['webgl'], forbidden);
    expect(wasm?.error).to.equal('EngineError');
    expect(wasm?.message).to.match(/blocked by CSP.*Add 'wasm-unsafe-eval' to script-src/);
    expect(auto?.name).to.equal('cpu');
  });

  it('takes the next engine if one starts and computes other numbers', () => {
    const broken = `
      const { kernelFunc } = tf.getKernel('Sub', 'wasm');
      tf.unregisterKernel('Add', 'wasm');
      tf.registerKernel({ kernelName: 'Add', backendName: 'wasm', kernelFunc });`;
    const [auto] = startsOf(['auto'], ['webgl'], broken);
    expect(auto?.name).to.equal('cpu');
    expect(auto?.hint).to.match(/engine wasm computes wrong numbers here: .* off by \d/);
  });
});

describe('a backend that was tried and not taken', function () {
  this.timeout(60_000);

  it('is removed, unless an engine or a tensor of the page is on it by now', () => {
    const script = `
      const tf = await import('@tensorflow/tfjs-core');
      const { dropBackend, hasStarted } = await import('./src/engines/tfjs/backend.ts');
      const { tfjsEngine } = await import('./src/engines/tfjs/engine.ts');
      const seen = [];
      const drop = () => {
        dropBackend('wasm');
        seen.push(hasStarted('wasm'));
      };
      const [first, second] = [await tfjsEngine('wasm'), await tfjsEngine('wasm')];
      await first.dispose();
      drop();
      await tf.setBackend('wasm');
      const theirs = tf.tensor1d([1, 2]);
      await second.dispose();
      drop();
      theirs.dispose();
      drop();
      console.log(JSON.stringify(seen));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    expect(JSON.parse(stdout)).to.deep.equal([true, true, false]);
  });
});

describe('a trap of WebAssembly', function () {
  this.timeout(60_000);

  it('ends the engine, and the next one has a new memory', () => {
    const script = `
      const tf = await import('@tensorflow/tfjs-core');
      const { tfjsEngine } = await import('./src/engines/tfjs/engine.ts');
      const { F, map, programOf, recordPart } = await import('./src/nn/index.ts');
      const graph = recordPart({ name: 'sum', inputs: { x: map(1) }, forward: (_, { x }) => ({ y: F.add(x, x) }) });
      const x = { shape: [1, 1, 1, 1], data: Float32Array.of(2) };
      const outcome = async (runner) => {
        try {
          return (await (await runner.run({ x })).y.read()).data[0];
        } catch (error) {
          return error.name + ': ' + error.message;
        }
      };
      const first = await tfjsEngine('wasm');
      const runner = await first.load(programOf('sum', graph, new Map()));
      const seen = [await outcome(runner)];
      const kernel = tf.getKernel('Add', 'wasm');
      tf.unregisterKernel('Add', 'wasm');
      const kernelFunc = () => { throw new WebAssembly.RuntimeError('unreachable'); };
      tf.registerKernel({ ...kernel, kernelFunc });
      seen.push(await outcome(runner));
      tf.unregisterKernel('Add', 'wasm');
      tf.registerKernel(kernel);
      seen.push(await outcome(runner));
      runner.dispose();
      await first.dispose();
      const second = await tfjsEngine('wasm');
      seen.push(await outcome(await second.load(programOf('sum', graph, new Map()))));
      console.log(JSON.stringify(seen));`;
    const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      encoding: 'utf8',
    });
    expect(stderr).to.equal('');
    const [before, during, afterwards, again] = JSON.parse(stdout);
    expect(before).to.equal(4);
    expect(during).to.match(/^EngineError: .*wasm failed: unreachable.*load it again/);
    expect(afterwards).to.equal(during);
    expect(again).to.equal(4);
  });
});

describe('starting engines of Node', () => {
  const failed = (message: string) => (): never => {
    throw new Error(message);
  };
  const noOrtWeb = () => startOrtWeb(failed("Cannot find module 'onnxruntime-web'\nRequire stack:\n- /app/x.js"));

  it('says how to install a runtime that is missing', async () => {
    const load = failed("Cannot find module 'onnxruntime-node'\nRequire stack:\n- /app/x.js");
    const engine = await openNodeEngine('auto', {}, { onnxruntime: () => loadOnnxRuntime(load), ortWeb: noOrtWeb });
    expect(engine.name).to.equal('wasm');
    expect(engine.hint).to.match(
      /^onnxruntime-node is not installed, so wasm .* npm install onnxruntime-node.*onnxruntime-web is not installed: npm install onnxruntime-web/,
    );
    await engine.dispose();
    const error = await rejection(openNodeEngine('onnxruntime', {}, { onnxruntime: () => loadOnnxRuntime(load) }));
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.match(/not installed.*npm install onnxruntime-node.*engine "wasm"/);
    const light = await rejection(openNodeEngine('ort-wasm', {}, { ortWeb: noOrtWeb }));
    expect(light).to.be.instanceOf(EngineError);
    expect(light.message).to.match(/onnxruntime-web is not installed: npm install onnxruntime-web.*engine "wasm"/);
  });

  it('takes ort-wasm if onnxruntime-node is missing, and says why', async () => {
    const load = failed("Cannot find module 'onnxruntime-node'\nRequire stack:\n- /app/x.js");
    const engine = await openNodeEngine('auto', { threads: 1 }, { onnxruntime: () => loadOnnxRuntime(load) });
    expect(engine.name).to.equal('ort-wasm');
    expect(engine.detail).to.equal('onnxruntime-web, 1 thread');
    expect(engine.hint).to.match(
      /^onnxruntime-node is not installed, so ort-wasm was taken.*npm install onnxruntime-node/,
    );
    await engine.dispose();
  });

  it('keeps the threads with which ort-wasm has started', async () => {
    const ort = { env: { wasm: {} } } as OnnxWebRuntime;
    await ortWasmEngine(ort, { threads: 2 }).dispose();
    const again = ortWasmEngine(ort);
    expect(again.detail).to.equal('onnxruntime-web, 2 threads');
    await again.dispose();
    expect(() => ortWasmEngine(ort, { threads: 3 })).to.throw(ConfigError, /started with 2 threads.*threads: 2/);
  });

  it('does not say so of one that is installed and cannot be opened', async () => {
    for (const load of [
      failed('Error loading shared library ld-linux-x86-64.so.2: No such file or directory'),
      failed("Cannot find module 'onnxruntime-common'\nRequire stack:\n- /app/node_modules/onnxruntime-node/x.js"),
    ]) {
      const engine = await openNodeEngine('auto', {}, { onnxruntime: () => loadOnnxRuntime(load), ortWeb: noOrtWeb });
      expect(engine.hint).to.match(/^onnxruntime-node is installed, but does not start \(.+\), so wasm was taken/);
      expect(engine.hint).to.not.match(/npm install onnxruntime-node/);
      await engine.dispose();
    }
  });

  it('takes wasm if the runtime refuses arrays, as it does under Jest', async () => {
    class Tensor {
      constructor(type: string) {
        throw new TypeError(`A ${type} tensor's data must be type of function Float32Array() { [native code] }`);
      }
    }
    const session = { run: async () => ({}), release: async () => {} };
    const ort = { Tensor, InferenceSession: { create: async () => session } } as unknown as OnnxRuntime;
    const engine = await openNodeEngine(
      'auto',
      { threads: 2 },
      { onnxruntime: async () => ({ ort }), ortWeb: noOrtWeb },
    );
    expect(engine.name).to.equal('wasm');
    expect(engine.hint).to.match(
      /cannot compute .*must be type of.*Under Jest use the engine "wasm".*`threads` has no/,
    );
    await engine.dispose();
    const error = await rejection(openNodeEngine('onnxruntime', {}, { onnxruntime: async () => ({ ort }) }));
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.match(/must be type of.*use the engine "wasm"/);
  });

  it('refuses threads for an engine that has one', async () => {
    for (const name of ['wasm', 'cpu']) {
      const error = await rejection(openNodeEngine(name, { threads: 2 }));
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.message).to.match(new RegExp(`\`threads\`.*onnxruntime.*${name} has one`));
    }
  });

  describe('on a device', () => {
    /** A runtime whose sessions fail, with notes of the options that they were given. */
    const failing = (created: SessionOptions[]): OnnxRuntime =>
      ({
        Tensor: class {},
        InferenceSession: {
          create: async (_: Uint8Array, options: SessionOptions) => {
            created.push(options);
            throw new Error('no adapter was found');
          },
        },
      }) as unknown as OnnxRuntime;

    it('gives onnxruntime the execution provider, and nothing stands in for it', async () => {
      for (const [name, device] of [
        ['auto', 'cuda'],
        ['onnxruntime', 'coreml'],
        ['auto', 'dml'],
      ] as const) {
        const created: SessionOptions[] = [];
        const opening = openNodeEngine(
          name,
          { device, threads: 2 },
          { onnxruntime: async () => ({ ort: failing(created) }) },
        );
        const error = await rejection(opening);
        expect(error).to.be.instanceOf(EngineError);
        expect(error.message).to.match(new RegExp(`no "${device}" here .*no adapter was found.*It needs`));
        expect(created[0]?.executionProviders).to.deep.equal([device]);
      }
    });

    it('starts webgpu by name only, as an experiment', async () => {
      const created: SessionOptions[] = [];
      const opening = openNodeEngine('webgpu', {}, { onnxruntime: async () => ({ ort: failing(created) }) });
      expect((await rejection(opening)).message).to.match(/no "webgpu" here .*no adapter.*experimental.*Vulkan/);
      expect(created[0]?.executionProviders).to.deep.equal(['webgpu']);
      expect(nodeEngines).to.not.include('webgpu');
    });

    it('refuses a device that is unknown, or beside an engine that has none', async () => {
      const unknown = await rejection(openNodeEngine('auto', { device: 'cudda' }));
      expect(unknown).to.be.instanceOf(ConfigError);
      expect(unknown.message).to.match(/unknown device "cudda".*"cuda"/);
      for (const name of ['wasm', 'cpu', 'ort-wasm', 'webgpu']) {
        const error = await rejection(openNodeEngine(name, { device: 'cuda' }));
        expect(error).to.be.instanceOf(ConfigError);
        expect(error.message).to.match(new RegExp(`\`device\`.*onnxruntime.*${name}`));
      }
    });
  });

  it('prints facts of an engine', async () => {
    const engine = await openNodeEngine('cpu');
    expect(String(engine)).to.equal('cpu (plain JavaScript)');
    expect(JSON.parse(JSON.stringify(engine))).to.deep.equal({
      name: 'cpu',
      detail: 'plain JavaScript',
      blocking: true,
    });
    expect(Object.keys(engine)).to.have.members(['name', 'detail', 'hint', 'blocking']);
    await engine.dispose();
  });
});
