import { expect } from 'chai';
import { type NDArray, ndarray, type Size } from '../../src/arrays.ts';
import { ShapeError } from '../../src/errors.ts';
import { gaussianBlur, gaussianWindow } from '../../src/postprocess/gaussian.ts';
import { decodeHeatmaps, type HeatmapDecoding } from '../../src/postprocess/keypoints.ts';

const mapOf = (rows: readonly (readonly number[])[]): NDArray =>
  ndarray([1, 1, rows.length, rows[0]!.length], Float32Array.from(rows.flat()));

/** Decodes on a crop that has one pixel of the image per cell, and its first cell at (0, 0). */
function placeOf(heatmaps: NDArray, options: HeatmapDecoding): { x: number; y: number; score: number } {
  const [, , height = 0, width = 0] = heatmaps.shape;
  const lost = options.decode.startsWith('udp') ? 1 : 0;
  const [w, h] = [width - lost, height - lost];
  const places = {
    centers: Float32Array.of(w / 2, h / 2),
    scales: Float32Array.of(w / 200, h / 200),
  };
  const { points, scores } = decodeHeatmaps(heatmaps, places, options);
  return { x: points[0]!, y: points[1]!, score: scores[0]! };
}

/** A map with a Gaussian of standard deviation 2 around a place. */
function bump({ height, width }: Size, cx: number, cy: number): number[][] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (__, x) => 0.8 * Math.exp(-((x - cx) ** 2 + (y - cy) ** 2) / 8)),
  );
}

const cross = [
  [0, 0, 0, 0, 0, 0],
  [0, 0, 0, 0, 0, 0],
  [0, 0, 0, 5, 0, 0],
  [0, 0, 4, 9, 1, 0],
  [0, 0, 0, 5, 0, 0],
  [0, 0, 0, 0, 0, 0],
];

describe('heatmaps', () => {
  it('have their keypoint at the maximum, moved by a quarter towards the higher neighbour', () => {
    expect(placeOf(mapOf(cross), { decode: 'none' })).to.deep.equal({ x: 3, y: 3, score: 9 });
    // 4 on the left, 1 on the right; equal above and below
    expect(placeOf(mapOf(cross), { decode: 'quarter' })).to.deep.equal({ x: 2.75, y: 3, score: 9 });
  });

  it('are not refined in the first two and the last columns and rows', () => {
    const at = (x: number, y: number) => {
      const rows = bump({ height: 8, width: 8 }, x + 0.2, y + 0.2);
      const { x: left, y: top } = placeOf(mapOf(rows), { decode: 'quarter' });
      return [left - x, top - y];
    };
    expect(at(1, 4)).to.deep.equal([0, 0]);
    expect(at(4, 1)).to.deep.equal([0, 0]);
    expect(at(2, 2)).to.deep.equal([0.25, 0.25]);
    expect(at(6, 6)).to.deep.equal([0.25, 0.25]);
    expect(at(7, 4)).to.deep.equal([0, 0]);
  });

  it('are refined on each axis by itself as mmpose 1.x does it, if the other is not in the first column or row', () => {
    const at = (x: number, y: number) => {
      const rows = bump({ height: 8, width: 8 }, x + 0.2, y + 0.2);
      const { x: left, y: top } = placeOf(mapOf(rows), { decode: 'quarter_1x' });
      return [left - x, top - y];
    };
    expect(at(1, 4)).to.deep.equal([0, 0.25]);
    expect(at(4, 1)).to.deep.equal([0.25, 0]);
    expect(at(7, 4)).to.deep.equal([0, 0.25]);
    expect(at(4, 7)).to.deep.equal([0.25, 0]);
    expect(at(0, 4)).to.deep.equal([0, 0]);
    expect(at(4, 0)).to.deep.equal([0, 0]);
    expect(at(2, 2)).to.deep.equal([0.25, 0.25]);
    expect(at(7, 7)).to.deep.equal([0, 0]);
  });

  it('take the first of equal maxima, and (-1, -1) without a value above 0', () => {
    const equal = [
      [0, 3, 0],
      [3, 0, 3],
    ];
    expect(placeOf(mapOf(equal), { decode: 'none' })).to.deep.equal({ x: 1, y: 0, score: 3 });
    for (const decode of ['none', 'quarter', 'quarter_1x', 'dark', 'udp', 'udp_1x'] as const) {
      const rows = Array.from({ length: 8 }, () => [-2, -1, -2, -2, -2, -2, -2]);
      const { x, y, score } = placeOf(mapOf(rows), { decode });
      expect([x, y, score], decode).to.deep.equal([-1, -1, -1]);
    }
    const zeros = placeOf(mapOf(cross.map((row) => row.map(() => 0))), { decode: 'megvii' });
    expect(zeros).to.deep.equal({ x: -1, y: -1, score: 0.5 });
  });

  it('give the middle of a Gaussian between the cells', () => {
    for (const decode of ['dark', 'udp', 'udp_1x'] as const) {
      for (const [cx, cy] of [
        [10.3, 12.4],
        [9.75, 8.5],
        [12, 11.1],
      ] as const) {
        const { x, y } = placeOf(mapOf(bump({ height: 24, width: 20 }, cx, cy)), { decode });
        expect(x, decode).to.be.closeTo(cx, 0.02);
        expect(y, decode).to.be.closeTo(cy, 0.02);
      }
    }
    const megvii = placeOf(mapOf(bump({ height: 24, width: 20 }, 10.3, 12.4)), { decode: 'megvii' });
    expect([megvii.x, megvii.y]).to.deep.equal([10.75, 12.75]);
    expect(megvii.score).to.be.closeTo(0.5 + 0.8 / 255, 1e-4);
  });

  it('are refined across a ridge by UDP, along which there is no maximum', () => {
    const ridge = Array.from({ length: 16 }, () => bump({ height: 1, width: 20 }, 9.7, 0)[0]!);
    expect(placeOf(mapOf(ridge), { decode: 'udp' }).x).to.be.closeTo(9.7, 0.02);
    expect(placeOf(mapOf(ridge), { decode: 'udp' }).y).to.be.closeTo(0, 0.02);
  });

  it('are refined at the border by what mmpose 1.x sees around: zeros', () => {
    // from its UDPHeatmap(blur_kernel_size=5), on maps of 10 × 8
    const cases = [
      [0.2, 4.3, -0.5, 4.300075],
      [6.7, 1.1, 7.5, 1.39038],
      [3.4, 8.8, 3.400056, 9.5],
    ] as const;
    for (const [cx, cy, expectedX, expectedY] of cases) {
      const heatmap = mapOf(bump({ height: 10, width: 8 }, cx, cy));
      const { x, y } = placeOf(heatmap, { decode: 'udp_1x', blur: 5 });
      expect(x).to.be.closeTo(expectedX, 1e-4);
      expect(y).to.be.closeTo(expectedY, 1e-4);
    }
    const mirrored = placeOf(mapOf(bump({ height: 10, width: 8 }, 6.7, 1.1)), { decode: 'udp', blur: 5 });
    expect(mirrored.y).to.be.closeTo(0.2945, 1e-3);
  });

  it('are moved by the offsets as they are in mmpose 1.x, in shares of the longer side', () => {
    const size = { height: 6, width: 12 };
    const offsets = [0.25, -0.5].flatMap((value) => {
      const map = Array.from({ length: 72 }, () => value);
      map[4 * 12 + 4] = 1; // which a blur would spread
      return map;
    });
    const heatmaps = ndarray([1, 3, 6, 12], Float32Array.from([...bump(size, 4.2, 3.1).flat(), ...offsets]));
    const options = { target: 'offset', offsetRadius: 0.1, blur: 3 } as const;
    const { x, y } = placeOf(heatmaps, { ...options, decode: 'udp_1x' });
    expect(x).to.be.closeTo(4 + 0.1 * 12, 1e-5);
    expect(y).to.be.closeTo(4 + 0.1 * 12, 1e-5); // where the blurred response is highest
    expect(placeOf(heatmaps, { ...options, decode: 'udp' }).x).to.be.below(4 + 0.1 * 6);
  });

  it('are moved by offsets, in shares of the radius', () => {
    const size = { height: 20, width: 20 };
    const flat = (value: number) => Array.from({ length: 400 }, () => value);
    const data = Float32Array.from([...bump(size, 8, 9).flat(), ...flat(0.5), ...flat(-0.25)]);
    const heatmaps = ndarray([1, 3, 20, 20], data);
    const { x, y } = placeOf(heatmaps, { decode: 'udp', target: 'offset', offsetRadius: 0.1, blur: 5 });
    expect(x).to.be.closeTo(8 + 0.5 * 2, 1e-5);
    expect(y).to.be.closeTo(9 - 0.25 * 2, 1e-5);
    const places = { centers: new Float32Array(2), scales: Float32Array.of(1, 1) };
    const decode = (options: HeatmapDecoding) => () => decodeHeatmaps(heatmaps, places, options);
    expect(decode({ decode: 'dark', target: 'offset' })).to.throw(RangeError, '"dark" does not read offsets');
  });

  it('lie in the image: each crop by its place, not clipped', () => {
    const two = ndarray([2, 1, 6, 6], Float32Array.from([...cross.flat(), ...cross.flat()]));
    // 12 and 60 pixels over 6 cells
    const places = { centers: Float32Array.of(50, 60, 0, 0), scales: Float32Array.of(0.06, 0.06, 0.3, 0.06) };
    const { points } = decodeHeatmaps(two, places, { decode: 'none' });
    expect(Array.from(points, (value) => Math.round(value * 1e4) / 1e4)).to.deep.equal([50, 60, 0, 0]);
    const { points: moved } = decodeHeatmaps(two, places, { decode: 'quarter' });
    expect(Array.from(moved, (value) => Math.round(value * 1e4) / 1e4)).to.deep.equal([49.5, 60, -2.5, 0]);
  });

  it('are refused by name if a value is not finite or a shape does not fit', () => {
    const places = { centers: new Float32Array(2), scales: Float32Array.of(1, 1) };
    const decode = (heatmaps: NDArray, options: HeatmapDecoding = { decode: 'quarter' }) =>
      expect(() => decodeHeatmaps(heatmaps, places, options));
    const broken = mapOf(cross);
    broken.data[7] = Number.NaN;
    decode(broken).to.throw(RangeError, 'value 7 of heatmaps is NaN');
    broken.data[7] = Infinity;
    decode(broken).to.throw(RangeError, 'value 7 of heatmaps is Infinity');
    decode(mapOf(cross), { decode: 'dark', blur: 4 }).to.throw(RangeError, 'the side is 4');
    decode(ndarray([1, 6, 6], new Float32Array(36))).to.throw(ShapeError, '[1, 6, 6]');
    decode(ndarray([2, 1, 3, 3], new Float32Array(18))).to.throw(ShapeError, '2 crops have 1 centres');
    decode(mapOf([[1], [2]]), { decode: 'udp' }).to.throw(ShapeError, '2×2');
    decode(mapOf(cross), { decode: 'udp', target: 'offset' }).to.throw(ShapeError, 'not a multiple of 3');
    const lost = { centers: Float32Array.of(0, Number.NaN), scales: Float32Array.of(1, 1) };
    expect(() => decodeHeatmaps(mapOf(cross), lost, { decode: 'none' })).to.throw(RangeError, 'value 1 of centers');
  });
});

describe("OpenCV's Gaussian blur", () => {
  it('has fixed windows up to 9 and computed ones above', () => {
    expect([...gaussianWindow(3)]).to.deep.equal([0.25, 0.5, 0.25]);
    expect([...gaussianWindow(1)]).to.deep.equal([1]);
    const eleven = gaussianWindow(11);
    expect(eleven[5]! / eleven[4]!).to.be.closeTo(Math.exp(1 / 8), 1e-6); // sigma 2
    expect(eleven.reduce((sum, weight) => sum + weight, 0)).to.be.closeTo(1, 1e-6);
    expect(() => gaussianWindow(0)).to.throw(RangeError, 'the side is 0');
  });

  it('puts zeros or the mirrored map around', () => {
    const row = { height: 1, width: 3 };
    // half of 4 5 2, the other half being the zeros above and below
    expect([...gaussianBlur(Float32Array.of(4, 8, 0), row, gaussianWindow(3), 'zeros')]).to.deep.equal([2, 2.5, 1]);
    expect([...gaussianBlur(Float32Array.of(4, 8, 0), row, gaussianWindow(3), 'reflection')]).to.deep.equal([6, 5, 4]);
    const map = Float32Array.of(4, 8, 0, 0, 0, 16);
    const size = { height: 2, width: 3 };
    // rows 6 5 4 and 0 4 8; then half of each with the other, mirrored
    expect([...gaussianBlur(map, size, gaussianWindow(3), 'reflection')]).to.deep.equal([3, 4.5, 6, 3, 4.5, 6]);
    expect([
      ...gaussianBlur(Float32Array.of(5), { height: 1, width: 1 }, gaussianWindow(7), 'reflection'),
    ]).to.deep.equal([5]);
  });
});
