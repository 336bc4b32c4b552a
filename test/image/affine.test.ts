import { expect } from 'chai';
import type { Size } from '../../src/arrays.ts';
import { cropRows } from '../../src/image/affine.ts';
import { cropMatrix, cropPlaces, hasCrop } from '../../src/image/crop_places.ts';
import type { Raster } from '../../src/image/raster.ts';
import { prepareCrops } from '../harness/at_once.ts';

/** A reproducible sequence of numbers in [0, 1). */
function sequence(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An image without structure. */
function noise({ width, height }: Size): Raster {
  const next = sequence(width * 7919 + height);
  return {
    width,
    height,
    data: Uint8ClampedArray.from({ length: width * height * 4 }, () => Math.floor(256 * next())),
  };
}

/** An image whose red, green and blue are given per pixel. */
const gray = (rows: readonly (readonly number[])[]): Raster => ({
  width: rows[0]!.length,
  height: rows.length,
  data: Uint8ClampedArray.from(rows.flat().flatMap((value) => [value, value, value, 255])),
});

/** Returns the bytes of a crop, RGB. */
function cropOf(image: Raster, box: readonly number[], size: Size, { padding = 1, udp = false } = {}): Uint8Array {
  const crop = new Uint8Array(size.width * size.height * 3);
  const matrix = cropMatrix(cropPlaces(box, size, padding), 0, size, udp);
  cropRows(image, matrix, size, (y, row) => crop.set(row, y * row.length));
  return crop;
}

/** Returns one channel of a crop as rows. */
const rowsOf = (crop: Uint8Array, { width, height }: Size): number[][] =>
  Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => crop[3 * (y * width + x)]!));

/** OpenCV's fixed point written out pixel by pixel, as the recipe states it: no cached rows, no weights of 0. */
function slowly({ width, height, data }: Raster, matrix: Float64Array, size: Size): Uint8Array {
  const [a, b, c, d, e, f] = Array.from(matrix) as [number, number, number, number, number, number];
  const inverse = 1 / (a * e - b * d);
  const [i00, i01, i10, i11] = [e * inverse, -b * inverse, -d * inverse, a * inverse];
  const [i02, i12] = [-i00 * c - i01 * f, -i10 * c - i11 * f];
  const evenly = (value: number) => {
    const low = Math.floor(value);
    const rest = value - low;
    return rest > 0.5 || (rest === 0.5 && Math.abs(low) % 2 === 1) ? low + 1 : low;
  };
  const crop = new Uint8Array(size.width * size.height * 3);
  for (let y = 0, o = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++) {
      const u = (evenly(i00 * x * 1024) + evenly((i01 * y + i02) * 1024) + 16) >> 5;
      const v = (evenly(i10 * x * 1024) + evenly((i11 * y + i12) * 1024) + 16) >> 5;
      const [fx, fy] = [u & 31, v & 31];
      for (let channel = 0; channel < 3; channel++) {
        const pixel = (dx: number, dy: number) => {
          const [column, row] = [(u >> 5) + dx, (v >> 5) + dy];
          const inside = column >= 0 && column < width && row >= 0 && row < height;
          return inside ? data[4 * (row * width + column) + channel]! : 0;
        };
        const upper = pixel(0, 0) * (32 - fx) * (32 - fy) + pixel(1, 0) * fx * (32 - fy);
        crop[o++] = (upper + pixel(0, 1) * (32 - fx) * fy + pixel(1, 1) * fx * fy + 512) >> 10;
      }
    }
  }
  return crop;
}

const official: Size = { height: 64, width: 48 };

describe('places of crops', () => {
  it('grow the shorter side to the aspect of the input, then both by the padding', () => {
    // 33×52 is narrower than 3 : 4, so 39×52; 1.25 · 39 = 48.75 and 1.25 · 52 = 65 pixels
    const tall = cropPlaces([30, 20, 33, 52], official);
    expect([...tall.centers]).to.deep.equal([46.5, 46]);
    expect([...tall.scales]).to.deep.equal([0.24374999105930328, 0.32499998807907104]);
    expect(tall.areas[0]).to.be.closeTo(48.75 * 65, 1e-3);
    // 60×50 is wider: 60×80
    expect([...cropPlaces([-15, -20, 60, 50], official).scales]).to.deep.equal([0.375, 0.5]);
    // each step in float32: 10.6 / 200 · 1.25 in double is 0.06624999…
    expect(cropPlaces([0, 0, 10.6, 8], official).scales[0]).to.equal(0.06625000387430191);
    // so is the padding: 46 / 200 · 1.1 with 1.1 in double is 0.25299999117851257
    expect(cropPlaces([6, -9, 46, 17], official, 1.1).scales[0]).to.equal(0.25300002098083496);
    expect([...cropPlaces([0, 0, 3, 4], official, 1).scales]).to.deep.equal([3 / 200, 4 / 200].map(Math.fround));
  });

  it('have the matrix of cv2.getAffineTransform to the last bit', () => {
    const matrixOf = (box: readonly number[], padding = 1.25) => [
      ...cropMatrix(cropPlaces(box, official, padding), 0, official),
    ];
    expect(matrixOf([-15, -20, 60, 50])).to.deep.equal([
      0.6399999999999999, -0, 14.399999999999999, 1.5789838572446671e-16, 0.64, 28.800000000000004,
    ]);
    expect(matrixOf([60, 40, 20, 10])).to.deep.equal([
      1.9199999999999997, -0, -110.39999999999999, 2.0301221021717148e-16, 1.92, -54.40000000000001,
    ]);
  });

  it('are those of mmpose 1.x if its steps are asked for', () => {
    const size = { height: 256, width: 192 };
    const corners = [31.48, 173.28, 325.09, 451.42] as const;
    const [x1, y1, x2, y2] = corners;
    const box = [x1, y1, x2 - x1, y2 - y1];
    const places = cropPlaces(box, size, 1.25, '1x');
    // each by NumPy and OpenCV, as mmpose 1.3 calls them
    expect([...places.centers]).to.deep.equal([178.28500366210938, 312.3500061035156]);
    expect([...places.sides]).to.deep.equal([367.0124816894531, 489.3499755859375]);
    expect([...cropMatrix(places, 0, size, false, '1x')]).to.deep.equal([
      0.523142970822612, 8.793781067164583e-19, 2.7314535310838397, -7.970863742491098e-17, 0.5231429273225785,
      -35.40369654221841,
    ]);
    const older = cropPlaces(box, size, 1.25);
    expect([...cropMatrix(older, 0, size)]).to.not.deep.equal([...cropMatrix(places, 0, size, false, '1x')]);
    for (const steps of ['0x', '1x'] as const) expect(hasCrop(corners, { size, steps })).to.equal(true);
  });

  it('of UDP lie between the middles of the corner pixels', () => {
    // 45×60 pixels around (20, 30): x from -2.5 to 42.5 becomes 0 to 47, y from 0 to 60 becomes 0 to 63
    const [a, , c, , e, f] = cropMatrix(cropPlaces([-2.5, 0, 45, 60], official, 1), 0, official, true);
    expect(a! * -2.5 + c!).to.be.closeTo(0, 1e-5);
    expect(a! * 42.5 + c!).to.be.closeTo(47, 1e-5);
    expect(e! * 60 + f!).to.be.closeTo(63, 1e-5);
  });

  it('are refused by name without area, without a finite value, and where float32 does not reach', () => {
    for (const [width, height] of [
      [0, 0],
      [0, 12],
      [12, 0],
      [-6, 9],
    ] as const) {
      const boxes = [1, 2, 3, 4, 40, 30, width, height];
      const text = `box 1 has no area: 40, 30, ${width}, ${height}.`;
      expect(() => cropPlaces(boxes, official)).to.throw(RangeError, text);
    }
    expect(() => cropPlaces([0, Number.NaN, 3, 4], official)).to.throw(RangeError, 'box 0 has the y NaN');
    expect(() => cropPlaces([0, 0, Infinity, 4], official)).to.throw(RangeError, 'box 0 has the width Infinity');
    expect(() => cropPlaces([3e9, 0, 3, 4], official)).to.throw(RangeError, 'box 0 (3000000000, 0, 3, 4) is too far');
    expect(() => cropPlaces([0, 0, 1e39, 4], official)).to.throw(RangeError, 'box 0');
    expect(() => cropPlaces([0, 0, 3], official)).to.throw(RangeError, 'got 3 values');
    expect(() => cropPlaces([0, 0, 3, 4], official, 0)).to.throw(RangeError, 'padding is 0');
  });

  it('can be asked for, for the input and the padding of a model', () => {
    const far = [1e6, 1e6, 1e6 + 0.0625, 1e6 + 0.0625] as const; // one step of float32
    expect(hasCrop([1, 2, 4, 6])).to.equal(true);
    expect(hasCrop([4, 2, 1, 6])).to.equal(false);
    expect([0.4, 1.25, 4].map((padding) => hasCrop(far, { size: official, padding }))).to.deep.equal([
      false,
      true,
      true,
    ]);
  });
});

describe('crops', () => {
  const small: Size = { height: 4, width: 3 };

  it('of as many pixels as the input are a part of the image', () => {
    const image = gray([
      [1, 2, 3, 4, 5],
      [6, 7, 8, 9, 10],
      [11, 12, 13, 14, 15],
      [16, 17, 18, 19, 20],
      [21, 22, 23, 24, 25],
    ]);
    expect(rowsOf(cropOf(image, [1, 1, 3, 4], small), small)).to.deep.equal([
      [7, 8, 9],
      [12, 13, 14],
      [17, 18, 19],
      [22, 23, 24],
    ]);
  });

  it('mix neighbours, each of which is black outside', () => {
    const image = gray([
      [100, 200],
      [60, 20],
    ]);
    // half a pixel to the left and above: the corner is a quarter of 100
    expect(rowsOf(cropOf(image, [-0.5, -0.5, 3, 4], small), small)).to.deep.equal([
      [25, 75, 50],
      [40, 95, 55],
      [15, 20, 5],
      [0, 0, 0],
    ]);
  });

  it('of a box outside the image are black', () => {
    for (const box of [
      [-200, 0, 30, 40],
      [300, 0, 30, 40],
      [0, -90, 30, 40],
      [0, 1e6, 30, 40],
      [-4e6, 2e6, 30, 40],
    ]) {
      expect(cropOf(noise({ width: 40, height: 30 }), box, official).every((byte) => byte === 0)).to.equal(true);
    }
  });

  it('are those of the fixed point written out pixel by pixel', () => {
    const next = sequence(14);
    for (let n = 0; n < 150; n++) {
      const image = noise({ width: 1 + Math.floor(60 * next()), height: 1 + Math.floor(60 * next()) });
      const size = [official, small, { height: 20, width: 33 }, { height: 7, width: 7 }][n % 4]!;
      // corners between two 1024ths of a pixel, tiny boxes, and ones much larger than the image
      const corner = () => (2 * Math.floor(40_000 * next()) - 30_000 + 1) / 2048;
      const extent = () => [1 + Math.floor(50 * next()), 0.1 + next(), 400 * next() + 1][n % 3]!;
      const box = [corner(), corner(), extent(), extent()];
      const udp = n % 5 === 0;
      const matrix = cropMatrix(cropPlaces(box, size, 1.25), 0, size, udp);
      const crop = cropOf(image, box, size, { padding: 1.25, udp });
      expect([...crop], `${n}: ${box}`).to.deep.equal([...slowly(image, matrix, size)]);
    }
  });

  it('follow a shear, as rounding may leave one between two columns', () => {
    const image = noise({ width: 40, height: 30 });
    // the columns move by a 1024th of a pixel and more from row to row
    for (const skew of [1e-3, -0.02, 0.3]) {
      const matrix = Float64Array.of(0.9, skew, 2, 0, 1.7, -3);
      const crop = new Uint8Array(official.width * official.height * 3);
      cropRows(image, matrix, official, (y, row) => crop.set(row, y * row.length));
      expect([...crop], `${skew}`).to.deep.equal([...slowly(image, matrix, official)]);
    }
  });

  it('become planes in the order of the network, crop after crop', () => {
    const image = noise({ width: 30, height: 20 });
    const boxes = [2, 3, 10, 12, -5, 4, 20, 9];
    const [mean, std] = [
      [10, 20, 30],
      [2, 4, 8],
    ] as const;
    const rgb = prepareCrops(image, boxes, { size: small, mean, std });
    expect(rgb.input.shape).to.deep.equal([2, 3, 4, 3]);
    const bgr = prepareCrops(image, boxes, { size: small, mean, std, channelOrder: 'bgr' });
    for (const i of [0, 1]) {
      const crop = cropOf(image, boxes.slice(4 * i, 4 * i + 4), small, { padding: 1.25 });
      for (let channel = 0; channel < 3; channel++) {
        for (let at = 0; at < 12; at++) {
          const place = (3 * i + channel) * 12 + at;
          const value = (byte: number) => (byte - mean[channel]!) / std[channel]!;
          expect(rgb.input.data[place]).to.equal(value(crop[3 * at + channel]!));
          expect(bgr.input.data[place]).to.equal(value(crop[3 * at + 2 - channel]!));
        }
      }
    }
    expect([...rgb.centers]).to.deep.equal([7, 9, 5, 8.5]);
    expect(prepareCrops(image, [], { size: small, mean, std }).input.shape).to.deep.equal([0, 3, 4, 3]);
    expect(() => prepareCrops(image, [0, 0, 5, 0], { size: small, mean, std })).to.throw(RangeError, 'no area');
  });
});
