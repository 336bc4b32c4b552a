import { expect } from 'chai';
import type { Raster } from '../../src/image/raster.ts';
import { resizeLinear, resizeNearest } from '../../src/image/resize.ts';
import { resizeRows } from '../harness/at_once.ts';

/** A reproducible image without structure: every byte value occurs next to every other. */
function noise(width: number, height: number): Raster {
  const data = new Uint8ClampedArray(width * height * 4);
  let state = width * 7919 + height;
  for (let i = 0; i < data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state >>> 24;
  }
  return { width, height, data };
}

/** OpenCV's fixed point written out pixel by pixel, as the recipe states it: no cached rows, no shortcuts. */
function slowly({ width, height, data }: Raster, w: number, h: number): Uint8ClampedArray {
  const tap = (d: number, source: number, target: number) => {
    const position = Math.fround((d + 0.5) * (1 / (target / source)) - 0.5);
    const s = Math.floor(position);
    return { s, f: Math.fround(position - s) };
  };
  const evenly = (value: number) => {
    const low = Math.floor(value);
    const rest = value - low;
    return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
  };
  const weights = (f: number) =>
    [evenly(Math.fround(Math.fround(1 - f) * 2048)), evenly(Math.fround(f * 2048))] as const;
  const clamp = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);
  const out = new Uint8ClampedArray(w * h * 4);
  for (let y = 0; y < h; y++) {
    const down = tap(y, height, h);
    const [b0, b1] = weights(down.f);
    for (let x = 0; x < w; x++) {
      let { s, f } = tap(x, width, w);
      if (s < 0) [s, f] = [0, 0];
      if (s >= width - 1) [s, f] = [width - 1, 0];
      const [a0, a1] = weights(f);
      for (let c = 0; c < 4; c++) {
        const across = (row: number) => {
          const start = clamp(row, height) * width;
          return data[(start + s) * 4 + c]! * a0 + data[(start + clamp(s + 1, width)) * 4 + c]! * a1;
        };
        const [r0, r1] = [across(down.s), across(down.s + 1)];
        out[(y * w + x) * 4 + c] = (((b0 * (r0 >> 4)) >> 16) + ((b1 * (r1 >> 4)) >> 16) + 2) >> 2;
      }
    }
  }
  return out;
}

describe('resizeLinear', () => {
  it('weighs the two nearest pixels, as OpenCV does', () => {
    // 2 pixels to 4: centres at -0.25, 0.25, 0.75, 1.25, so the borders stay and the middle is 3 : 1 and 1 : 3
    const source = { width: 2, height: 1, data: Uint8ClampedArray.of(0, 100, 200, 255, 100, 0, 201, 255) };
    const { data } = resizeLinear(source, { width: 4, height: 1 });
    expect([...data]).to.deep.equal([0, 100, 200, 255, 25, 75, 200, 255, 75, 25, 201, 255, 100, 0, 201, 255]);
  });

  it('is the mean of four pixels at half the size', () => {
    // (10 + 21 + 30 + 40 + 2) >> 2 = 25
    const grey = [10, 21, 30, 40].flatMap((v) => [v, v, v, 255]);
    const { data } = resizeLinear({ width: 2, height: 2, data: Uint8ClampedArray.from(grey) }, { width: 1, height: 1 });
    expect([...data]).to.deep.equal([25, 25, 25, 255]);
  });

  it('agrees with the recipe written out, up and down, odd and extreme sizes', () => {
    const sizes = [
      [7, 5, 13, 11],
      [7, 5, 3, 2],
      [40, 30, 17, 61],
      [31, 64, 32, 32],
      [1, 9, 5, 4],
      [9, 1, 4, 5],
      [1, 1, 6, 3],
      [100, 3, 1, 1],
      [64, 48, 128, 96],
      [64, 48, 32, 24],
      [33, 21, 33, 40],
    ] as const;
    for (const [sw, sh, w, h] of sizes) {
      const source = noise(sw, sh);
      const { data } = resizeLinear(source, { width: w, height: h });
      expect(data, `${sw}×${sh} to ${w}×${h}`).to.deep.equal(slowly(source, w, h));
    }
  });

  it('copies if the sizes are equal', () => {
    const source = noise(6, 5);
    const copy = resizeLinear(source, source);
    expect(copy.data).to.deep.equal(source.data);
    expect(copy.data.buffer).not.to.equal(source.data.buffer);
  });

  it('gives the same three colours with alpha or without', () => {
    const source = noise(20, 14);
    const size = { width: 33, height: 9 };
    const four = resizeLinear(source, size).data.filter((_, i) => i % 4 !== 3);
    const three: number[] = [];
    resizeRows(source, size, 3, (_, row) => three.push(...row));
    expect(three).to.deep.equal([...four]);
  });
});

describe('resizeNearest', () => {
  it('takes pixel floor(x · source / target)', () => {
    const map = { width: 3, height: 2, labels: Uint16Array.of(1, 2, 3, 400, 500, 600) };
    const wide = resizeNearest(map, { width: 5, height: 2 });
    expect([...wide.labels]).to.deep.equal([1, 1, 2, 2, 3, 400, 400, 500, 500, 600]);
    expect([...resizeNearest(map, { width: 2, height: 1 }).labels]).to.deep.equal([1, 2]);
    expect(wide.labels).to.be.instanceOf(Uint16Array);
  });
});
