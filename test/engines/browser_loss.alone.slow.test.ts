import { expect } from 'chai';
import { type EnginePage, fileParcel, softwareWebgpu, usePage, wasmPaths } from '../harness/browser_engine.ts';
import { engines } from '../harness/engines.ts';
import type { Moment } from '../harness/page_losses.ts';
import { smallBoth, smallFile } from '../harness/small_model.ts';
import { inputOf, net } from '../harness/small_net.ts';

/** What a page sees when its graphics device goes away or its WebAssembly traps, in Chromium. */

const moments: readonly Moment[] = [
  'between runs',
  'during a run',
  'during a read',
  'during a load',
  'during the disposal',
];

/** What the error says of each engine. */
const losses = {
  webgl: /^EngineError: .*webgl lost its graphics context.*load it again/,
  wasm: /^EngineError: .*wasm failed: unreachable.*load it again/,
  webgpu: /^EngineError: .*the graphics device of webgpu was lost.*load it again/,
  'ort-wasm': /^EngineError: .*onnxruntime-web failed: unreachable.*load the page or worker again/,
} as const;

describe('a device that goes away, in Chromium', function () {
  this.timeout(120_000);
  const here = usePage({ args: softwareWebgpu });
  const options = { wasmPaths };
  let expected: readonly number[] = [];
  before(async () => {
    const cpu = await engines.cpu!();
    if (typeof cpu === 'string') throw new Error(cpu);
    const { y } = await (await cpu.load(net)).run(inputOf(8));
    expected = [...((await y?.read())?.data ?? [])];
    await cpu.dispose();
  });

  const expectLost = async (page: EnginePage, name: keyof typeof losses, moment: Moment) => {
    const seen = await page.call('lose', name, moment, options);
    const error = losses[name];
    const own = moment === 'during the disposal' ? /^EngineError: .*(disposed|lost|failed)/ : error;
    expect(seen.slowest, 'the longest call').to.be.below(1000);
    expect(seen.disposed).to.deep.equal(['done', 'done']);
    expect(seen.later.run).to.match(own);
    expect(seen.later.load).to.match(own);
    // a device of WebGPU belongs to one engine; a result that was read before stays
    const shared = name !== 'webgpu';
    if (shared) expect(seen.neighbour).to.match(error);
    else expect(seen.neighbour).to.equal('done');
    if (moment === 'between runs' || moment === 'during a run') expect(seen.first).to.match(error);
    if (moment !== 'during the disposal') expect(seen.lost).to.deep.equal([true, shared]);
    expect(seen.auto.values).to.have.length(expected.length);
    seen.auto.values.forEach((value, i) => {
      expect(value).to.be.closeTo(expected[i] ?? Number.NaN, 1e-4);
    });
    return seen;
  };

  for (const name of ['webgl', 'wasm', 'webgpu'] as const) {
    // SwiftShader compiles for seconds
    for (const moment of name === 'webgpu' ? (['during a run', 'during a load'] as const) : moments) {
      it(`is an error within a second on ${name} ${moment}, and the engine starts again`, async () => {
        const { again } = await expectLost(here.page, name, moment);
        expect(again).to.equal('done');
      });
    }
  }

  it('goes on to the next engine if it does not come back, and to the first one when it does', async () => {
    await here.page.call('start', 'webgl', options);
    await here.page.call('pretend', { hardware: true, noWebgl: true });
    const without = await here.page.call('lose', 'webgl', 'between runs', options);
    expect(without.again).to.match(/^EngineError: TensorFlow\.js cannot start its webgl backend/);
    expect(without.auto.name).to.equal('ort-wasm');
    expect(without.auto.hint).to.match(/cannot start its webgl backend/);
    await here.page.call('pretend', { hardware: true });
    const { name, hint } = await here.page.call('start', 'auto', options);
    expect(name).to.be.oneOf(['webgl', 'ort-wasm']);
    expect(hint).to.match(/A small network took (webgl|ort-wasm) \S+ ms here, (webgl|ort-wasm) \S+ ms\./);
    await here.page.call('pretend', {});
  });

  for (const name of ['webgl', 'wasm'] as const) {
    it(`answers a model’s next prediction within two seconds on ${name}, and a new model works`, async () => {
      const file = fileParcel(await smallFile(smallBoth));
      const seen = await here.page.call('loseModel', name, file, options);
      expect(seen.first).to.match(losses[name]);
      expect(seen.second).to.match(losses[name]);
      expect(seen.disposed).to.equal('done');
      expect(seen.lost).to.equal(true);
      expect(seen.slowest).to.be.below(1000);
      expect(seen.auto).to.be.oneOf(['ort-wasm', 'wasm', 'webgl']);
      expect(seen.pixels).to.equal(96 * 96);
    });
  }

  // last: onnxruntime-web starts once in a page
  it('ends ort-wasm for the page at a trap, which other engines stand in for', async () => {
    const { again, auto } = await expectLost(here.page, 'ort-wasm', 'during a run');
    expect(again).to.match(losses['ort-wasm']);
    expect(auto.name).to.equal('wasm');
    expect(auto.hint).to.match(/onnxruntime-web failed: unreachable/);
  });

  it('is no reason to take WebGL in half precision', async () => {
    await here.page.reload();
    await here.page.call('pretend', { hardware: true, half: true });
    const [webgl, wasm] = await here.page.call('probeEngines', ['webgl', 'wasm']);
    expect(webgl).to.include({ starts: true });
    expect(webgl?.weakness).to.match(/half precision here \(WEBGL_RENDER_FLOAT32 not available\)/);
    expect(wasm?.weakness).to.equal(undefined);
    const { name, hint } = await here.page.call('start', 'auto', options);
    expect(name).to.equal('ort-wasm');
    expect(hint).to.match(/WebGL computes in half precision here/);
  });
});
