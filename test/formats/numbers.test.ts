import { crc32 as zlibCrc32 } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { crc32 } from '../../src/formats/inflate.ts';
import { floatBitsToHalf, halfToFloatBits, toHalf, widenInPlace } from '../../src/formats/tensors.ts';

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);
const floatOf = (pattern: number) => {
  bits[0] = pattern;
  return float[0]!;
};
const bitsOf = (value: number) => {
  float[0] = value;
  return bits[0]!;
};

describe('half precision', () => {
  it('has the values of the standard', () => {
    const cases: readonly (readonly [number, number])[] = [
      [0x3c00, 1],
      [0xc000, -2],
      [0x3555, 0.333251953125],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x03ff, 2 ** -14 - 2 ** -24],
      [0x7c00, Number.POSITIVE_INFINITY],
      [0xfc00, Number.NEGATIVE_INFINITY],
      [0x8000, -0],
    ];
    for (const [half, value] of cases) {
      expect(floatOf(halfToFloatBits(half)), half.toString(16)).to.equal(value);
      expect(floatBitsToHalf(bitsOf(value)), `${value}`).to.equal(half);
    }
  });

  it('comes back from 32 bits for every one of the 65,536 patterns, except that NaNs become quiet', () => {
    for (let half = 0; half < 0x10000; half++) {
      const nan = (half & 0x7c00) === 0x7c00 && (half & 0x3ff) !== 0;
      expect(floatBitsToHalf(halfToFloatBits(half))).to.equal(nan ? half | 0x200 : half);
    }
  });

  it('rounds to the nearest, ties to even', () => {
    // between 1 and its neighbour 1 + 2^-10: the middle goes to 1 (even), a bit more goes up; the next middle goes up
    expect([...toHalf([1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -20, 1 + 3 * 2 ** -11])]).to.deep.equal([
      0x3c00, 0x3c01, 0x3c02,
    ]);
    // half of the smallest subnormal goes to 0, a bit more to the subnormal; 65520 is the first that becomes infinite
    expect([...toHalf([2 ** -25, 2 ** -25 * 1.001, 3 * 2 ** -25, 65519.99, 65520])]).to.deep.equal([
      0, 1, 2, 0x7bff, 0x7c00,
    ]);
  });

  it('is the nearest of the two neighbours for any float', () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (value) => {
        const half = floatBitsToHalf(bitsOf(value));
        const error = Math.abs(floatOf(halfToFloatBits(half)) - value);
        for (const other of [half + 1, half - 1]) {
          if (other < 0 || (other & 0x7fff) >= 0x7c00) continue;
          expect(Math.abs(floatOf(halfToFloatBits(other)) - value)).to.be.at.least(error);
        }
      }),
    );
  });

  it('is widened in place, bfloat16 too', () => {
    for (const [dtype, raw, expected] of [
      ['float16', [0x3c00, 0xc000, 0x0001], [1, -2, 2 ** -24]],
      ['bfloat16', [0x3f80, 0xc000, 0x7f80], [1, -2, Number.POSITIVE_INFINITY]],
    ] as const) {
      const buffer = new ArrayBuffer(12);
      new Uint16Array(buffer, 6).set(raw);
      widenInPlace(dtype, buffer);
      expect([...new Float32Array(buffer)]).to.deep.equal([...expected]);
    }
  });
});

describe('crc32', () => {
  it('is that of zlib, in one piece and in two', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(100), (bytes, cut) => {
        expect(crc32(bytes)).to.equal(zlibCrc32(bytes));
        expect(crc32(bytes.subarray(cut), crc32(bytes.subarray(0, cut)))).to.equal(zlibCrc32(bytes));
      }),
    );
  });
});
