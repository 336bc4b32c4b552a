import { expect } from 'chai';
import type { ModelConfig } from '../../src/models/config.ts';
import { type Engine, F, map, programOf, recordPart, regions } from '../../src/nn/index.ts';
import { loadModel } from '../../src/node.ts';
import { type BrowserEngine, type EnginePage, enginePage, pack } from '../harness/browser_engine.ts';
import { engines } from '../harness/engines.ts';
import { of } from '../harness/operation_case.ts';
import { expectClose, resultOf } from '../harness/operations.ts';
import { seededInput } from '../harness/seeded.ts';
import { imageOf, smallFile } from '../harness/small_model.ts';
import { near, programCases } from '../harness/webgl_cases.ts';

/** The error function in doubles, by a series whose terms are all of one sign. */
function erf(x: number): number {
  let sum = 0;
  for (let n = 0, term = x; Math.abs(term) > 1e-18 * Math.abs(sum); n++, term *= (2 * x * x) / (2 * n + 1)) sum += term;
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** A pose model with the channels of a published one, whose maps are split in even parts. */
const poseOfXt: ModelConfig = {
  name: 'pose of XT',
  backbone: { type: 'moganet', arch: 'xt' },
  pose: {
    dataset: 'coco_keypoints',
    head: { type: 'heatmap_head', channels: [16, 16, 16] },
    input: { size: { height: 64, width: 32 } },
  },
};

/** An engine that outlives a model. */
const borrowed = (engine: Engine): Engine => ({ ...engine, dispose: async () => {} });

/** The package's WebGL programs in a real browser: their numbers, how many they are, and what they leave behind. */

describe('WebGL programs, in Chromium', function () {
  this.timeout(120_000);
  let page: EnginePage;
  let engine: BrowserEngine;
  let reference: Engine;
  before(async function () {
    const opened = await enginePage();
    if (typeof opened === 'string') {
      console.log(`      skipped: ${opened}`);
      this.skip();
    }
    page = opened;
    engine = await page.engine('webgl');
    reference = (await engines.cpu!()) as Engine;
  });
  after(async () => {
    await engine?.dispose();
    await reference?.dispose();
  });

  for (const operation of programCases) {
    it(`compute ${operation.name}`, async () => {
      expectClose(await resultOf(engine, operation), await resultOf(reference, operation));
    });
  }

  it('compute GELU within 1e-6, as far as float32 goes', async () => {
    const { data } = await resultOf(
      engine,
      of('gelu', near, (_, x) => F.gelu(x)),
    );
    near.data.forEach((x, i) => {
      const exact = (x / 2) * (1 + erf(x * Math.SQRT1_2));
      expect(data[i], `gelu(${x})`).to.be.closeTo(exact, 1e-6 * Math.max(1, Math.abs(x)));
    });
  });

  it('do not read the maps of RoIAlign back', async () => {
    const options = { outputSize: { height: 2, width: 2 }, spatialScale: 0.5, samplingRatio: 0, aligned: true };
    const graph = recordPart({
      name: 'part',
      inputs: { x: map(4), r: regions },
      forward: (_, { x, r }) => ({ y: F.roiAlign(F.relu(x), r, options) }),
    });
    const runner = await engine.load(programOf('part', graph, new Map()));
    const { read } = await page.call('counts');
    const r = { shape: [1, 5], data: Float32Array.of(0, 3, 4, 40, 30) };
    await runner.run({ x: seededInput('x', [1, 4, 32, 32]), r });
    runner.dispose();
    expect((await page.call('counts')).read - read).to.equal(2 * 2 * 4);
  });

  it('of a pose model are compiled for one box and for several, and then serve every number of boxes', async () => {
    const model = await loadModel({ weights: await smallFile(poseOfXt) }, { engine: borrowed(engine) });
    const image = imageOf(160, 120);
    const compiled: number[] = [];
    for (const count of [1, 20, 2, 7, 20, 33, 1]) {
      const { programs } = await page.call('counts');
      const boxes = Array.from({ length: count }, (_, i) => [i, i, i + 30 + (i % 7), i + 50]);
      const { poses } = await model.predict(image, { boxes });
      expect(poses?.length).to.equal(count);
      compiled.push((await page.call('counts')).programs - programs);
    }
    await model.dispose();
    console.log(`      ${compiled.join(', ')} programs`);
    const [one, several, ...others] = compiled;
    expect(one).to.be.within(1, 60);
    expect(several).to.be.at.most(20);
    expect(others).to.deep.equal(others.map(() => 0));
  });

  it('are at most half of what a plain port draws, few for a new size, and leave nothing behind', async () => {
    const start = await page.call('counts');
    const plain = await page.call('plainDraws', 32);
    const runner = await page.call('loadMogaNet');
    const sizes = [
      [32, 32],
      [32, 32],
      [40, 32],
      [36, 52],
      [64, 33],
      [33, 47],
      [48, 64],
      [57, 35],
      [32, 96],
      [32, 32],
    ] as const;
    const counts = [await page.call('counts')];
    for (const [height, width] of sizes) {
      await page.call('run', runner, { x: pack(seededInput('x', [1, 3, height, width])) });
      counts.push(await page.call('counts'));
    }
    const gained = (name: 'programs' | 'draws') => counts.slice(1).map((now, i) => now[name] - counts[i]![name]);
    const [first, ...others] = gained('programs');
    const [, ...draws] = gained('draws'); // the first run also uploads the weights
    const reads = 4; // each of the stages by a program
    for (const count of draws) expect(count - reads).to.be.at.most(0.5 * plain);
    for (const count of others) expect(count).to.be.at.most(20);
    expect(first).to.be.at.most(60);
    const held = counts.slice(1).map(({ tensors, bytes }) => `${tensors} tensors, ${bytes} bytes`);
    expect(new Set(held).size, [...new Set(held)].join('; ')).to.equal(1);
    await page.call('dispose', runner);
    const end = await page.call('counts');
    expect([end.tensors, end.bytes]).to.deep.equal([start.tensors, start.bytes]);
    expect(end.settings).to.deep.equal([false, -1]);
  });
});
