import { expect } from 'chai';
import type { NDArray, Shape } from '../../src/arrays.ts';
import { probe, probeOutputs, probeValues } from '../../src/engines/probe.ts';
import { EngineError } from '../../src/errors.ts';
import type { DeviceTensor } from '../../src/nn/index.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { engines, useEngine } from '../harness/engines.ts';
import { rejection } from '../harness/rejection.ts';

/** The small network that engines are tried with, by loops in double precision. */

interface Plane {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: readonly number[];
}

const valuesOf = (shape: Shape): readonly number[] => [...probeValues(shape).data];

interface Conv {
  readonly kernel: number;
  readonly groups?: number;
  readonly dilation?: number;
  readonly stride?: number;
  readonly padding: number;
}

/** PyTorch's convolution, its weights as `probeValues` makes them. */
function convolved(x: Plane, channels: number, { kernel, groups = 1, dilation = 1, stride = 1, padding }: Conv): Plane {
  const inGroup = x.channels / groups;
  const weight = valuesOf([channels, inGroup, kernel, kernel]);
  const bias = valuesOf([channels]);
  const extent = (size: number) => Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
  const [height, width] = [extent(x.height), extent(x.width)];
  const data: number[] = [];
  for (let out = 0; out < channels; out++) {
    const firstIn = Math.floor(out / (channels / groups)) * inGroup;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        let sum = bias[out]!;
        for (let c = 0; c < inGroup; c++) {
          for (let ky = 0; ky < kernel; ky++) {
            for (let kx = 0; kx < kernel; kx++) {
              const [y, z] = [row * stride + ky * dilation - padding, column * stride + kx * dilation - padding];
              if (y < 0 || z < 0 || y >= x.height || z >= x.width) continue;
              const value = x.data[((firstIn + c) * x.height + y) * x.width + z]!;
              sum += value * weight[((out * inGroup + c) * kernel + ky) * kernel + kx]!;
            }
          }
        }
        data.push(sum);
      }
    }
  }
  return { channels, height, width, data };
}

/** The error function by its series, which converges for every x. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const mapped = (x: Plane, change: (value: number, i: number) => number): Plane => ({ ...x, data: x.data.map(change) });
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const gelu = (x: number): number => (x * (1 + erf(x / Math.SQRT2))) / 2;

function outputs(): readonly number[] {
  const image = { channels: 3, height: 6, width: 8, data: valuesOf([1, 3, 6, 8]) };
  const stem = mapped(convolved(image, 32, { kernel: 3, padding: 1 }), gelu);
  const deep = convolved(stem, 32, { kernel: 5, groups: 32, dilation: 2, padding: 4 });
  const area = deep.height * deep.width;
  const means = Array.from({ length: 32 }, (_, c) => {
    return deep.data.slice(c * area, (c + 1) * area).reduce((a, b) => a + b) / area;
  });
  const pooled = { channels: 32, height: 1, width: 1, data: means };
  const gate = mapped(convolved(pooled, 32, { kernel: 1, padding: 0 }), sigmoid);
  const gated = mapped(deep, (value, i) => value * sigmoid(value) * gate.data[Math.floor(i / area)]!);
  const wide = mapped(convolved(gated, 128, { kernel: 1, padding: 0 }), gelu);
  const back = convolved(wide, 32, { kernel: 1, padding: 0 });
  const sum = mapped(stem, (value, i) => value + back.data[i]!);
  return convolved(sum, 1, { kernel: 2, stride: 2, padding: 0 }).data;
}

describe('the network that engines are tried with', () => {
  it('has the outputs that loops in double precision give', () => {
    const expected = outputs();
    if (process.env.SHOW)
      console.log(
        expected.join(', '),
        expected.reduce((a, b) => Math.max(a, Math.abs(b)), 0),
      );
    expect(probeOutputs).to.have.length(12);
    expected.forEach((value, i) => {
      expect(probeOutputs[i]).to.be.closeTo(value, 1e-7);
    });
  });

  for (const [name, start] of Object.entries(engines)) {
    describe(`on ${name}`, () => {
      const here = useEngine(start);

      it('is computed exactly, which is far below what half precision gives', async () => {
        const { maxError, weakness, milliseconds } = await probe(here.engine);
        expect(maxError).to.be.within(0, 5e-6);
        expect(weakness).to.equal(undefined);
        expect(milliseconds).to.equal(undefined);
      });
    });
  }

  describe('on an engine whose outputs are changed', () => {
    const here = useEngine(engines.cpu!);
    const changed = (change: (values: NDArray) => NDArray) =>
      changedEngine(here.engine, {
        load: async (program) => {
          const runner = await here.engine.load(program);
          const altered = (one: DeviceTensor): DeviceTensor => ({
            shape: one.shape,
            read: async () => change(await one.read()),
            dispose: () => one.dispose(),
          });
          return {
            dispose: () => runner.dispose(),
            run: async (inputs) =>
              Object.fromEntries(Object.entries(await runner.run(inputs)).map(([key, one]) => [key, altered(one)])),
          };
        },
      });

    it('is an error with the distance if the numbers are wrong or missing', async () => {
      const wrong = await rejection(probe(changed(({ shape, data }) => ({ shape, data: data.map((x) => x + 0.25) }))));
      expect(wrong).to.be.instanceOf(EngineError);
      expect(wrong.message).to.match(/^the engine cpu computes wrong numbers here: .* off by 0\.25/);
      for (const data of [new Float32Array(12).fill(Number.NaN), new Float32Array(3)]) {
        expect(await rejection(probe(changed(({ shape }) => ({ shape, data }))))).to.be.instanceOf(EngineError);
      }
    });

    it('finds that numbers are rounded to half precision', async () => {
      const half = (x: number): number => {
        const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 10);
        return Math.round(x / unit) * unit;
      };
      const { maxError, weakness } = await probe(changed(({ shape, data }) => ({ shape, data: data.map(half) })));
      expect(maxError).to.be.within(2e-4, 2e-3);
      expect(weakness).to.match(/^cpu computes with errors of \de-[34] here, as half precision does$/);
    });

    it('is timed if that is wanted', async () => {
      expect((await probe(here.engine, true)).milliseconds).to.be.above(0);
    }).timeout(20_000);
  });
});
