import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ConfigError, EngineError, Result, verify } from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { compareImage, type ExpectedImage, verifier } from '../../src/export/verify.ts';
import { comparePoses } from '../../src/export/verify_poses.ts';
import type { DeviceTensor, Engine } from '../../src/nn/index.ts';
import type { Platform } from '../../src/platform/contract.ts';
import { decodeImage, openWeights, readImage, shippedWeights, verifySamples } from '../../src/platform/node/files.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { rejection } from '../harness/rejection.ts';

/** An engine that changes every value of its outputs. */
async function changed(change: (value: number) => number): Promise<Engine> {
  const engine = await openNodeEngine('cpu');
  const altered = (resident: DeviceTensor): DeviceTensor => ({
    ...resident,
    read: async () => {
      const { shape, data } = await resident.read();
      return { shape, data: data.map(change) };
    },
  });
  return changedEngine(engine, {
    load: async (program) => {
      const runner = await engine.load(program);
      return {
        dispose: () => runner.dispose(),
        run: async (inputs) =>
          Object.fromEntries(Object.entries(await runner.run(inputs)).map(([name, one]) => [name, altered(one)])),
      };
    },
  });
}

const platformWith = (engines: Readonly<Record<string, () => Promise<Engine>>>): Platform => ({
  openWeights,
  readImage,
  shippedWeights,
  decodeImage: (bytes, name) => decodeImage(bytes, { name }),
  engines: Object.keys(engines),
  openEngine: (name) => engines[name]!(),
});

describe('verifying engines', () => {
  it('passes the engine of plain JavaScript on PyTorch’s numbers', async () => {
    const steps: string[] = [];
    const [check] = await verify({
      engines: ['cpu'],
      image: () => false,
      onProgress: (engine, what) => steps.push(`${engine} ${what}`),
    });
    expect(check).to.include({ engine: 'cpu', status: 'passed', detail: 'plain JavaScript' });
    expect(check!.image).to.equal(undefined);
    expect(check!.numbers!.maxError).to.be.within(0, check!.numbers!.tolerance);
    // single precision: neither exact nor loose
    expect(check!.numbers!.tolerance).to.be.within(1e-7, 1e-4);
    expect(steps).to.deep.equal(['cpu numbers']);
  });

  it('fails an engine that is slightly off or gives NaN, and reports a missing one', async () => {
    const engines = {
      drifting: () => changed((value) => value * 1.0001),
      broken: () => changed(() => Number.NaN),
      missing: () => Promise.reject(new EngineError('it is not installed.')),
      good: () => openNodeEngine('cpu'),
    };
    const checks = await verifier(platformWith(engines), verifySamples)({ image: () => false });
    expect(checks.map(({ engine, status }) => [engine, status])).to.deep.equal([
      ['drifting', 'failed'],
      ['broken', 'failed'],
      ['missing', 'unsupported'],
      ['good', 'passed'],
    ]);
    expect(checks[0]!.numbers!.maxError).to.be.within(1e-5, 1e-3);
    expect(checks[1]!.numbers!.maxError).to.equal(Number.POSITIVE_INFINITY);
    expect(checks[2]!.reason).to.equal('it is not installed.');
  });

  it('leaves out what the caller excludes, with the reason, and tells each check at once', async () => {
    const told: string[] = [];
    const checks = await verifier(
      platformWith({ good: () => openNodeEngine('cpu') }),
      verifySamples,
    )({
      engines: ['slow', 'good'],
      exclude: { slow: 'it takes minutes' },
      image: () => false,
      onCheck: ({ engine, status }) => told.push(`${engine} ${status}`),
    });
    expect(checks[0]).to.deep.equal({ engine: 'slow', status: 'excluded', reason: 'it takes minutes' });
    expect(told).to.deep.equal(['slow excluded', 'good passed']);
  });

  it('ends at an abort: the engine that runs and those after it are not run', async () => {
    const stop = new AbortController();
    const open = () => openNodeEngine('cpu');
    const checks = await verifier(
      platformWith({ first: open, second: open, third: open }),
      verifySamples,
    )({
      image: () => false,
      signal: stop.signal,
      onProgress: (engine) => engine === 'second' && stop.abort(new Error('enough')),
    });
    expect(checks.map(({ engine, status, reason }) => [engine, status, reason])).to.deep.equal([
      ['first', 'passed', undefined],
      ['second', 'not run', 'enough'],
      ['third', 'not run', 'enough'],
    ]);
  });

  it('compares with files that the caller gives, and with the small network alone if there is no image', async () => {
    const numbers = new Uint8Array(readFileSync(verifySamples.numbers));
    const check = verifier(platformWith({ good: () => openNodeEngine('cpu') }));
    expect((await check({ samples: { numbers } })).map(({ status, image }) => [status, image])).to.deep.equal([
      ['passed', undefined],
    ]);
    const without = await rejection(check({} as never));
    expect(without).to.be.instanceOf(ConfigError);
    expect(without.message).to.match(/samples: in a browser .* have no URL.*moganet_pico\.safetensors/);
  });
});

describe('verifying engines with a pose model', () => {
  const { numbers, poses } = verifySamples;
  const check = async (open: () => Promise<Engine>) => {
    const [found] = await verifier(platformWith({ one: open }))({ samples: { numbers, poses } });
    return found!;
  };

  it('finds the keypoints of PyTorch’s heatmaps', async () => {
    const found = await check(() => openNodeEngine('cpu'));
    expect(found.status).to.equal('passed');
    expect(found.poses).to.include({ passed: true, file: 'stick-figures.png', expected: 51, found: 51 });
    expect(found.poses!.maxDistance).to.be.within(1e-6, 1e-3);
    expect(found).not.to.have.property('image');
  });

  it('fails heatmaps that are slightly off', async () => {
    const found = await check(() => changed((value) => value * 1.01));
    expect(found.status).to.equal('failed');
    expect(found.poses).to.deep.include({ passed: false, expected: 51 });
    expect(found.poses!.found).to.be.below(10);
  });

  it('counts keypoints that are missing, elsewhere, or of another score', () => {
    const expected = { file: 'one.png', poses: [{ box: [0, 0, 9, 9], points: [1, 2, 3, 4], scores: [0.5, 0.25] }] };
    const image = { width: 9, height: 9, data: new Uint8ClampedArray(4 * 81) };
    const nothing = { boxes: new Float32Array(0), scores: new Float32Array(0), labels: new Int32Array(0), classes: [] };
    const result = (points: number[], pointScores: number[]) =>
      new Result({
        ...nothing,
        image,
        poses: {
          boxes: Float32Array.of(0, 0, 9, 9),
          scores: Float32Array.of(1),
          points: Float32Array.from(points),
          pointScores: Float32Array.from(pointScores),
          dataset: { classes: ['dot'], keypoints: { names: ['a', 'b'], skeleton: [], flipPairs: [] } },
        },
        timings: { total: 7 },
      });
    const good = comparePoses(result([1, 2.01, 3, 4], [0.5, 0.2505]), expected);
    expect(good).to.include({ passed: true, file: 'one.png', expected: 2, found: 2, milliseconds: 7 });
    expect(good.maxDistance).to.be.closeTo(0.01, 1e-6);
    expect(comparePoses(result([1, 2.5, 3, 4], [0.5, 0.25]), expected)).to.include({
      passed: false,
      found: 1,
      maxDistance: 0.5,
    });
    expect(comparePoses(result([1, 2, 3, 4], [0.5, 0.26]), expected)).to.include({ passed: false, found: 1 });
    const none = comparePoses(new Result({ ...nothing, image, timings: {} }), expected);
    expect(none).to.include({ passed: false, found: 0, maxDistance: Number.POSITIVE_INFINITY });
  });
});

describe('comparing the result on an image with the reference’s', () => {
  const gray = (value: number) => [value, value, value, 255];
  const expected: ExpectedImage = {
    file: 'two.png',
    detections: [
      { label: 0, score: 0.9, box: [0, 0, 100, 100] },
      { label: 1, score: 0.5, box: [0, 0, 50, 50] },
      { label: 1, score: 0.299, box: [9, 9, 20, 20] },
    ],
    labels: { width: 2, height: 1, data: new Uint8ClampedArray([...gray(3), ...gray(4)]) },
    uncertainPixels: 0,
  };
  const result = (boxes: number[][], scores: number[], labels: number[], map = [3, 4]) =>
    new Result({
      boxes: Float32Array.from(boxes.flat()),
      scores: Float32Array.from(scores),
      labels: Int32Array.from(labels),
      classes: ['a', 'b'],
      segmentation: { labels: Uint8Array.from(map), classes: [] },
      image: expected.labels,
      timings: { total: 7 },
    });
  const [whole, half, small] = [
    [0, 0, 100, 100],
    [0, 0, 50, 50],
    [9, 9, 20, 20],
  ] as [number[], number[], number[]];

  it('passes a result that is equal within rounding', () => {
    const check = compareImage(result([whole, half], [0.901, 0.4985], [0, 1]), expected);
    expect(check).to.deep.equal({
      passed: true,
      file: 'two.png',
      expected: 2,
      found: 2,
      additional: 0,
      pixels: 2,
      differentPixels: 0,
      uncertainPixels: 0,
      milliseconds: 7,
    });
    // 0.301 is within rounding of the reference's 0.299
    expect(compareImage(result([whole, half, small], [0.9, 0.5, 0.3005], [0, 1, 1]), expected).passed).to.equal(true);
  });

  it('counts missing and additional detections, other classes and other boxes', () => {
    expect(compareImage(result([whole], [0.9], [0]), expected)).to.include({ passed: false, found: 1 });
    expect(compareImage(result([whole, half, [0, 0, 9, 9]], [0.9, 0.5, 0.4], [0, 1, 0]), expected)).to.include({
      passed: false,
      found: 2,
      additional: 1,
    });
    expect(compareImage(result([whole, half], [0.9, 0.5], [0, 0]), expected)).to.include({ found: 1, additional: 1 });
    expect(compareImage(result([whole, [0, 0, 50, 51]], [0.9, 0.5], [0, 1]), expected)).to.include({ found: 1 });
    expect(compareImage(result([whole, half], [0.9, 0.5], [0, 1], [3, 5]), expected)).to.include({
      passed: false,
      differentPixels: 1,
    });
    expect(
      compareImage(result([whole, half], [0.9, 0.5], [0, 1], [3, 5]), { ...expected, uncertainPixels: 1 }).passed,
    ).to.equal(true);
  });
});
