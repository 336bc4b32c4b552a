import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { conv2d, F, map, programOf, recordPart } from '../../src/nn/index.ts';
import { fileParcel, softwareWebgpu, usePage, wasmPaths } from '../harness/browser_engine.ts';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallFile } from '../harness/small_model.ts';

/** What a page learns about its engines, and what they keep, in Chromium. */

describe('the engines of a page, in Chromium', function () {
  this.timeout(120_000);
  const here = usePage({ args: softwareWebgpu });

  it('are probed: which start, how exact and how fast they are, and why auto passes one over', async () => {
    const probes = await here.page.call('probeEngines', ['webgpu', 'ort-wasm', 'webgl', 'wasm']);
    expect(probes.map(({ engine, starts }) => [engine, starts])).to.deep.equal([
      ['webgpu', true],
      ['ort-wasm', true],
      ['webgl', true],
      ['wasm', true],
    ]);
    for (const { maxError, milliseconds } of probes) {
      expect(maxError).to.be.within(0, 1e-5);
      expect(milliseconds).to.be.above(0);
    }
    expect(probes.map(({ weakness }) => weakness?.split(' (')[0])).to.deep.equal([
      'WebGPU is computed in software here',
      undefined,
      'WebGL is computed in software here',
      undefined,
    ]);
    expect(probes.map(({ blocking }) => blocking)).to.deep.equal([false, true, true, true]);
    expect((await here.page.call('counts')).tensors).to.equal(0);
  });

  it('are verified with the numbers of PyTorch', async () => {
    const numbers = fileParcel(readFileSync(new URL('../../samples/verify/moganet_pico.safetensors', import.meta.url)));
    await here.page.reload(); // TensorFlow.js keeps a context for later
    await here.page.call('pretend', { noWebgl: true });
    const exclude = { webgpu: 'SwiftShader compiles for a minute', cpu: 'it is for tests' };
    const checks = await here.page.call('verify', { numbers, exclude });
    await here.page.call('pretend', {});
    expect(checks.map(({ engine, status }) => [engine, status])).to.deep.equal([
      ['webgpu', 'excluded'],
      ['ort-wasm', 'passed'],
      ['webgl', 'unsupported'],
      ['wasm', 'passed'],
      ['cpu', 'excluded'],
    ]);
    const [webgpu, ort, webgl, wasm] = checks;
    expect(webgpu?.reason).to.equal(exclude.webgpu);
    expect(webgl?.reason).to.match(/cannot start its webgl backend/);
    for (const check of [ort, wasm]) {
      expect(check?.numbers?.maxError).to.be.within(1e-9, check?.numbers?.tolerance ?? 0);
      expect(check).to.not.have.property('image');
    }
  });

  for (const name of ['webgl', 'wasm', 'ort-wasm']) {
    it(`hold the same after 50 images on ${name}, and nothing more after the disposal`, async () => {
      const held = await here.page.call('pictures', name, fileParcel(await smallFile(smallBoth)), 50, { wasmPaths });
      const [before, ...during] = held;
      const afterwards = during.pop();
      // images of three sizes come in turns: each round holds what the last one held
      const round = (from: number) => during.slice(from, from + 3);
      expect(during).to.have.length(50);
      expect(round(45)).to.deep.equal(round(9));
      expect(afterwards?.tensors).to.equal(before?.tensors);
      expect(afterwards?.tensorBytes).to.equal(before?.tensorBytes);
    });
  }

  it('refuse numbers that mean nothing on webgpu, with the part and the engine', async () => {
    const engine = await here.page.borrow('webgpu');
    const graph = recordPart({
      name: 'part',
      inputs: { x: map(1) },
      forward: (scope, { x }) => {
        const infinite = conv2d(scope.at('conv'), x, 1, { kernel: 1, bias: false });
        return { y: F.gelu(F.sub(infinite, infinite)), z: infinite };
      },
    });
    const weights = new Map([['conv.weight', { shape: [1, 1, 1, 1], data: Float32Array.of(3e38) }]]);
    const runner = await engine.load(programOf('part', graph, weights));
    const x = { shape: [1, 1, 2, 2], data: new Float32Array(4).fill(8) };
    for (const output of ['y', 'z']) {
      const failure = await rejection(runner.run({ x }, [output]));
      expect(failure.message).to.match(new RegExp(`part: ${output}, computed by webgpu, is not finite: \\d of`));
    }
    await engine.dispose();
  });
});
