import { join } from 'node:path';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { conv2d, type Engine, F, map, parametersOf, programOf, recordedByReader } from '../../src/nn/index.ts';
import { type BrowserEngine, softwareWebgpu, usePage } from '../harness/browser_engine.ts';
import { engines } from '../harness/engines.ts';
import { networkRunners } from '../harness/golden/networks.ts';
import { openCase, shippedGolden } from '../harness/golden.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { expectClose, resultOf } from '../harness/operations.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** The engines of onnxruntime-web in Chromium. */

describe('ort-wasm in Chromium', function () {
  this.timeout(120_000);
  const here = usePage();
  let engine: BrowserEngine;
  let reference: Engine;
  before(async () => {
    engine = await here.page.engine('ort-wasm');
    reference = (await engines.cpu!()) as Engine;
  });
  after(() => reference?.dispose());

  it('computes on the thread of the page, and says so', () => {
    expect(engine).to.include({ name: 'ort-wasm', detail: 'onnxruntime-web, 1 thread', blocking: true });
  });

  for (const operation of operationCases) {
    it(`computes ${operation.name}`, async () => {
      expectClose(await resultOf(engine, operation), operation.expected ?? (await resultOf(reference, operation)));
    });
  }

  for (const [folder, name] of [
    [shippedGolden, 'moganet_pico_32x48'],
    [shippedGolden, 'moganet_nano_trace_48x64'],
    [join(shippedGolden, 'heads'), 'resize'],
  ] as const) {
    it(`gives the numbers of ${name}`, async () => {
      const golden = await openCase(folder, name);
      await networkRunners(engine)[golden.kind]!(golden);
    });
  }

  it('holds no more memory after 20 runs than after three', async () => {
    const bytes = await here.page.call('repeat', 20, 128);
    expect(bytes[2]).to.be.above(0);
    expect(bytes.at(-1)).to.equal(bytes[2]);
  });

  it('refuses threads in a page that is not isolated, with the headers that it lacks', async () => {
    const refusal = await rejection(here.page.call('start', 'ort-wasm', { threads: 2 }));
    expect(refusal.message).to.match(/ConfigError: ort-wasm has one thread here.*Cross-Origin-Opener-Policy/);
  });
});

describe('ort-wasm in an isolated page', function () {
  this.timeout(120_000);
  const here = usePage({ isolated: true, ortFolder: '/ort/' });

  it('starts the threads that are asked for, with files from the folder that is named', async () => {
    const { name, detail } = await here.page.call('start', 'ort-wasm', { threads: 2, ortWasm: '/ort/' });
    expect([name, detail]).to.deep.equal(['ort-wasm', 'onnxruntime-web, 2 threads']);
    expect(await here.page.call('repeat', 3, 64)).to.have.length(3);
  });

  it('keeps them for the next engine, and refuses another number', async () => {
    const { detail } = await here.page.call('start', 'ort-wasm', { ortWasm: '/ort/' });
    expect(detail).to.equal('onnxruntime-web, 2 threads');
    const refusal = await rejection(here.page.call('start', 'ort-wasm', { threads: 1 }));
    expect(refusal.message).to.match(/ConfigError: onnxruntime-web has started with 2 threads/);
  });
});

describe('auto in a page with onnxruntime-web', function () {
  this.timeout(120_000);

  describe('whose WebGPU is software', () => {
    const here = usePage({ args: softwareWebgpu });
    it('takes ort-wasm, and says why', async () => {
      const { name, hint } = await here.page.call('start', 'auto');
      expect(name).to.equal('ort-wasm');
      expect(hint).to.match(/^WebGPU is computed in software here \(.*swiftshader.*\)\. .*engine "webgpu"/);
    });
  });

  describe('without its files', () => {
    const here = usePage({ ortFolder: '/elsewhere/' });
    it('takes an engine of TensorFlow.js, and says why', async () => {
      const { name, hint } = await here.page.call('start', 'auto');
      expect(name).to.be.oneOf(['webgl', 'wasm']);
      expect(hint).to.match(/webgpu: .*ort-wasm cannot load it.*WebGL is computed in software/);
    });
  });
});

/** Operations of MogaNet, and those that the provider leaves to WebAssembly. */
const fewCases =
  /^(conv2d (depthwise|dilated|in groups)|linear|batchNorm|gelu|silu|globalAvgPool|roiAlign|windowAttention with a shift|layers on no|concat of the batch if|resize bilinear, half)/;

describe('webgpu in Chromium, on SwiftShader', function () {
  this.timeout(240_000);
  const here = usePage({ args: softwareWebgpu });
  let engine: BrowserEngine;
  let reference: Engine;
  before(async () => {
    engine = await here.page.engine('webgpu');
    reference = (await engines.cpu!()) as Engine;
  });
  after(() => reference?.dispose());

  it('names the adapter, and does not block the page', () => {
    expect(engine.name).to.equal('webgpu');
    expect(engine.detail).to.match(/^onnxruntime-web, .*swiftshader/);
    expect(engine.blocking).to.equal(false);
  });

  for (const operation of operationCases.filter(({ name }) => fewCases.test(name))) {
    it(`computes ${operation.name}`, async () => {
      expectClose(await resultOf(engine, operation), operation.expected ?? (await resultOf(reference, operation)));
    });
  }

  it('computes what one reader of outputs needs', async () => {
    const part = recordedByReader('two', { x: map(2) }, (scope, { x: value }) => {
      const stem = conv2d(scope.at('stem'), value, 4, { kernel: 3 });
      return {
        left: { a: conv2d(scope.at('a'), stem, 2, { kernel: 1 }) },
        right: { b: F.relu(conv2d(scope.at('b'), stem, 2, { kernel: 1 })) },
      };
    });
    const weights = new Map(parametersOf(part.graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));
    const program = { ...programOf(part.name, part.graph, weights), readers: part.readers };
    const inputs = { x: seededInput('x', [1, 2, 6, 5]) };
    const expected = await (await reference.load(program)).run(inputs);
    const runner = await engine.load(program);
    for (const wanted of [['a'], ['b'], ['a', 'b']]) {
      const outputs = await runner.run(inputs, wanted);
      expect(Object.keys(outputs)).to.deep.equal(wanted);
      for (const [name, output] of Object.entries(outputs)) {
        expectClose(await output.read(), (await expected[name]?.read()) as NDArray);
      }
    }
    runner.dispose();
  });

  it('leaves the thread to the page while it computes', async () => {
    const { longest, total } = await here.page.call('gap', 256);
    expect(longest).to.be.below(total / 2);
  });

  it('takes its results from the device, and holds no more memory after 20 runs than after three', async () => {
    const bytes = await here.page.call('repeat', 20, 64);
    expect(bytes[2]).to.be.above(0);
    expect(bytes.at(-1)).to.equal(bytes[2]);
  });
});
