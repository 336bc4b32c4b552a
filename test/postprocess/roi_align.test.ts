import { expect } from 'chai';
import fc from 'fast-check';
import type { NDArray } from '../../src/arrays.ts';
import {
  type RoiAlignOptions,
  regionLevels,
  roiAlign,
  roiAlignNhwc,
  sortByLevel,
  toBoxOrder,
} from '../../src/postprocess/roi_align.ts';
import { toNchw, toNhwc } from '../harness/golden/layouts.ts';
import { boxes, noise } from './arbitraries.ts';

/** mmcv's loops: every sample of every bin of every channel. */
function bruteForce(map: NDArray, regions: NDArray, options: RoiAlignOptions): number[] {
  const [, channels = 0, height = 0, width = 0] = map.shape;
  const { outputSize, spatialScale, samplingRatio, aligned } = options;
  const out: number[] = [];
  for (let r = 0; r < regions.shape[0]!; r++) {
    const [image = 0, ...edges] = regions.data.subarray(5 * r, 5 * r + 5);
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = edges.map((edge) => edge * spatialScale - (aligned ? 0.5 : 0));
    const [w, h] = [x2 - x1, y2 - y1].map((length) => (aligned ? length : Math.max(length, 1))) as [number, number];
    const [binW, binH] = [w / outputSize.width, h / outputSize.height];
    const [gridW, gridH] = [binW, binH].map((bin) => samplingRatio || Math.ceil(bin)) as [number, number];
    for (let c = 0; c < channels; c++) {
      const at = (y: number, x: number) => map.data[((image * channels + c) * height + y) * width + x]!;
      for (let by = 0; by < outputSize.height; by++) {
        for (let bx = 0; bx < outputSize.width; bx++) {
          let sum = 0;
          for (let sy = 0; sy < gridH; sy++) {
            for (let sx = 0; sx < gridW; sx++) {
              const y = y1 + by * binH + ((sy + 0.5) * binH) / gridH;
              const x = x1 + bx * binW + ((sx + 0.5) * binW) / gridW;
              if (y < -1 || y > height || x < -1 || x > width) continue;
              const [cy, cx] = [Math.min(Math.max(y, 0), height - 1), Math.min(Math.max(x, 0), width - 1)];
              const [ly, lx] = [Math.floor(cy), Math.floor(cx)];
              const [hy, hx] = [Math.min(ly + 1, height - 1), Math.min(lx + 1, width - 1)];
              const upper = at(ly, lx) * (1 - cx + lx) + at(ly, hx) * (cx - lx);
              const lower = at(hy, lx) * (1 - cx + lx) + at(hy, hx) * (cx - lx);
              sum += upper * (1 - cy + ly) + lower * (cy - ly);
            }
          }
          out.push(sum / Math.max(gridW * gridH, 1));
        }
      }
    }
  }
  return out;
}

const one = { outputSize: { height: 1, width: 1 }, spatialScale: 1, samplingRatio: 0, aligned: true };
const region = (...row: number[]) => ({ shape: [1, 5], data: Float32Array.from(row) });

describe('roiAlign', () => {
  // 0 1 2
  // 3 4 5
  // 6 7 8
  const map = { shape: [1, 1, 3, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8) };

  it('reads the pixel that a region covers', () => {
    expect([...roiAlign(map, region(0, 1, 1, 2, 2), one).data]).to.deep.equal([4]);
  });

  it('is half a pixel further without alignment', () => {
    // the sample lies at (1.5, 1.5): the mean of 4, 5, 7, 8
    expect([...roiAlign(map, region(0, 1, 1, 2, 2), { ...one, aligned: false }).data]).to.deep.equal([6]);
  });

  it('takes as many samples as the bin has pixels', () => {
    expect([...roiAlign(map, region(0, 0, 0, 3, 3), one).data]).to.deep.equal([4]);
    expect([...roiAlign(map, region(0, 0, 0, 3, 1), one).data]).to.deep.equal([1]);
  });

  it('clamps samples up to a pixel outside and counts those further out as 0', () => {
    // a single sample at x = -1 and x = -1.25, in the middle row
    expect([...roiAlign(map, region(0, -1, 1, 0, 2), one).data]).to.deep.equal([3]);
    expect([...roiAlign(map, region(0, -1.25, 1, -0.25, 2), one).data]).to.deep.equal([0]);
  });

  it('gives zeros for a region without area', () => {
    expect([...roiAlign(map, region(0, 1, 1, 1, 2), one).data]).to.deep.equal([0]);
  });

  it('gives zeros for an invalid region', () => {
    for (const edge of [Infinity, Number.NaN]) {
      expect([...roiAlign(map, region(0, 0, 0, edge, 2), one).data]).to.deep.equal([0]);
    }
  });

  it('gives an empty result for no regions', () => {
    expect(roiAlign(map, { shape: [0, 5], data: new Float32Array(0) }, one).shape).to.deep.equal([0, 1, 1, 1]);
  });

  it('equals mmcv’s loops in both layouts', () => {
    const features = { shape: [2, 3, 7, 9], data: noise(2 * 3 * 7 * 9) };
    const edge = fc.integer({ min: -40, max: 200 }).map((n) => n / 4);
    const length = fc.integer({ min: 0, max: 300 }).map((n) => n / 4);
    const cases = fc.record({
      image: fc.constantFrom(0, 1),
      from: fc.tuple(edge, edge),
      size: fc.tuple(length, length),
      outputSize: fc.record({ height: fc.integer({ min: 1, max: 4 }), width: fc.integer({ min: 1, max: 4 }) }),
      samplingRatio: fc.constantFrom(0, 1, 2, 3),
      spatialScale: fc.constantFrom(0.25, 0.125),
      aligned: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, ({ image, from: [x, y], size: [w, h], ...options }) => {
        const regions = region(image, x, y, x + w, y + h);
        const expected = bruteForce(features, regions, options);
        const planes = roiAlign(features, regions, options);
        const pixels = toNchw(roiAlignNhwc(toNhwc(features), regions, options));
        expect(pixels.shape).to.deep.equal(planes.shape);
        // values up to 1; the second layout sums up to a few dozen of them in float32
        expected.forEach((value, i) => {
          expect(planes.data[i]).to.be.closeTo(value, 1e-6);
          expect(pixels.data[i]).to.be.closeTo(value, 3e-6);
        });
      }),
      { numRuns: 300 },
    );
  });
});

describe('region levels', () => {
  it('double with the side from the finest scale on, and are clamped at both ends', () => {
    const sides = [0, 10, 55, 56, 111, 112, 223, 224, 447, 448, 5000];
    const levels = regionLevels(Float32Array.from(sides.flatMap((side) => [0, 0, side, side])), {
      finestScale: 56,
      levels: 4,
    });
    expect([...levels]).to.deep.equal([0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('depend on the area, not on the longer side', () => {
    expect([...regionLevels(Float32Array.of(0, 0, 224, 14), { finestScale: 28, levels: 4 })]).to.deep.equal([1]);
  });
});

describe('regions by level', () => {
  it('name their image, and levels may be empty', () => {
    const { regions, order } = sortByLevel(Float32Array.of(0, 0, 8, 8, 1, 1, 2, 2), { finestScale: 2, levels: 3 }, 1);
    expect(regions.map(({ shape }) => shape)).to.deep.equal([
      [1, 5],
      [0, 5],
      [1, 5],
    ]);
    expect(regions.map(({ data }) => [...data])).to.deep.equal([[1, 1, 1, 2, 2], [], [1, 0, 0, 8, 8]]);
    expect([...order]).to.deep.equal([1, 0]);
  });

  it('return to the order of the boxes', () => {
    fc.assert(
      fc.property(boxes({ maxLength: 20 }), (all) => {
        const { regions, order } = sortByLevel(all, { finestScale: 4, levels: 3 });
        const data = Float32Array.from(regions.flatMap((level) => [...level.data]));
        const rows = toBoxOrder({ shape: [all.length / 4, 5], data }, order);
        expect([...rows.data.filter((_, i) => i % 5 > 0)]).to.deep.equal([...all]);
      }),
    );
  });
});
