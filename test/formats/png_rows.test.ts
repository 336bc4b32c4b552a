import { inflateSync } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { compilePng } from '../../scripts/bake_png.ts';
import { codeLengths, codesOf } from '../../src/formats/huffman.ts';
import { pngModule } from '../../src/formats/png_rows.data.ts';
import { compressRows } from '../../src/formats/png_rows.ts';
import type { Raster } from '../../src/image/raster.ts';
import { atOnce } from '../../src/slices.ts';

/** The bits of all symbols by a tree that is built step by step, as Huffman's paper has it. */
function leastBits(counts: readonly number[]): number {
  const left = counts.filter((count) => count > 0);
  let bits = 0;
  while (left.length > 1) {
    left.sort((a, b) => b - a);
    const joined = (left.pop() ?? 0) + (left.pop() ?? 0);
    bits += joined;
    left.push(joined);
  }
  return bits;
}

const kraft = (lengths: Uint8Array): number =>
  lengths.reduce((sum, length) => sum + (length > 0 ? 2 ** -length : 0), 0);

const someCounts = fc
  .array(fc.oneof(fc.constant(0), fc.nat(9), fc.nat(1e6)), { minLength: 2, maxLength: 286 })
  .filter((counts) => counts.filter((count) => count > 0).length > 1);

describe('codes of deflate', () => {
  it('are the shortest there are', () => {
    fc.assert(
      fc.property(someCounts, (counts) => {
        const lengths = codeLengths(counts, 60);
        expect(counts.reduce((sum, count, i) => sum + count * lengths[i]!, 0)).to.equal(leastBits(counts));
      }),
    );
  });

  it('fill the tree for exactly the symbols that occur, and are no longer than asked', () => {
    fc.assert(
      fc.property(someCounts, fc.integer({ min: 9, max: 14 }), (counts, longest) => {
        const lengths = codeLengths(counts, longest);
        expect([...lengths].map((length) => length > 0)).to.deep.equal(counts.map((count) => count > 0));
        expect(Math.max(...lengths)).to.be.at.most(longest);
        expect(kraft(lengths)).to.equal(1);
      }),
    );
  });

  it('of counts like Fibonacci numbers are cut at the longest', () => {
    // each count is about the sum of all before: 30 symbols would be up to 29 deep
    const counts = [1, 1];
    while (counts.length < 30) counts.push(counts.at(-1)! + counts.at(-2)!);
    expect(Math.max(...codeLengths(counts, 60))).to.equal(29);
    const lengths = codeLengths(counts, 7);
    expect(Math.max(...lengths)).to.equal(7);
    expect(kraft(lengths)).to.equal(1);
    expect([...lengths]).to.deep.equal([...lengths].sort((a, b) => b - a));
  });

  it('are numbered as in RFC 1951', () => {
    // the example of 3.2.2: lengths (3, 3, 3, 3, 3, 2, 4, 4) have the codes 010, 011, 100, 101, 110, 00, 1110, 1111
    const written = ['010', '011', '100', '101', '110', '00', '1110', '1111'];
    const codes = codesOf(Uint8Array.of(3, 3, 3, 3, 3, 2, 4, 4));
    expect([...codes]).to.deep.equal(written.map((bits) => Number.parseInt([...bits].reverse().join(''), 2)));
  });
});

const compressed = (image: Raster, channels: 3 | 4): Promise<Uint8Array> =>
  compressRows(
    image,
    channels,
    async (slices) => atOnce(slices),
    (stream) => stream.slice(),
  );

describe('rows of a PNG', () => {
  it('are compressed by the compiled form of the source', async () => {
    expect(Buffer.from(await compilePng()).toString('base64')).to.equal(pngModule);
  });

  const filtered = (
    { width, height, data }: { width: number; height: number; data: Uint8ClampedArray },
    channels: number,
  ) => {
    const rows: number[] = [];
    for (let y = 0; y < height; y++) {
      rows.push(2);
      for (let i = 0; i < 4 * width; i++) {
        const at = 4 * y * width + i;
        if (i % 4 < channels) rows.push((data[at]! - (y > 0 ? data[at - 4 * width]! : 0)) & 255);
      }
    }
    return Buffer.from(rows);
  };

  it('inflate to the filtered bytes, with runs of all lengths', async () => {
    const pieces = fc.array(
      fc.tuple(fc.nat(255), fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 250, max: 800 }))),
      {
        minLength: 1,
        maxLength: 40,
      },
    );
    await fc.assert(
      fc.asyncProperty(
        pieces,
        fc.integer({ min: 1, max: 60 }),
        fc.constantFrom(3, 4),
        async (runs, width, channels) => {
          // what is summed down the columns is a run again after the filter
          const bytes = runs.flatMap(([value, count]) => new Array<number>(count).fill(value));
          const height = Math.ceil(bytes.length / (4 * width));
          const data = new Uint8ClampedArray(4 * width * height);
          for (let at = 0; at < data.length; at++) {
            data[at] = ((bytes[at] ?? 0) + (at >= 4 * width ? data[at - 4 * width]! : 0)) & 255;
          }
          const stream = await compressed({ width, height, data }, channels as 3 | 4);
          const read = inflateSync(stream);
          expect(read.equals(filtered({ width, height, data }, channels))).to.equal(true);
        },
      ),
    );
  });

  it('inflate to the filtered bytes where nearly all of them are in long runs', async () => {
    for (let length = 200; length < 450; length += 5) {
      const data = Uint8ClampedArray.from({ length: 4 * 2 ** 13 }, (_, i) => (Math.floor(i / length) * 31) & 255);
      const image = { width: 2 ** 13, height: 1, data };
      const read = inflateSync(await compressed(image, 4));
      expect(read.equals(filtered(image, 4)), `runs of ${length}`).to.equal(true);
    }
  });

  it('take their least where all is one run, and no more than zlib where nothing repeats', async () => {
    const sizeOf = async (data: Uint8ClampedArray) => {
      const stream = await compressed({ width: 512, height: 512, data }, 4);
      return stream.length;
    };
    expect(await sizeOf(new Uint8ClampedArray(2 ** 20))).to.be.below(2 ** 20 / 258);
    let state = 1;
    const noise = Uint8ClampedArray.from({ length: 2 ** 20 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state >>> 24;
    });
    expect(await sizeOf(noise)).to.be.below(2 ** 20 * 1.002);
  });

  it('of several images at the same time do not mix', async () => {
    const image = (seed: number) => {
      const data = Uint8ClampedArray.from({ length: 4 * 600 * 400 }, (_, i) => (i * seed + (i >> 7)) & 255);
      return { width: 600, height: 400, data };
    };
    const images = [image(3), image(71), image(200)];
    const work: Parameters<typeof compressRows<Uint8Array>>[2] = async (slices) => {
      for (;;) {
        const step = slices.next();
        if (step.done) return step.value;
        await new Promise(setImmediate);
      }
    };
    const files = await Promise.all(images.map((one) => compressRows(one, 4, work, (stream) => stream.slice())));
    for (const [i, stream] of files.entries()) {
      expect(inflateSync(stream).equals(filtered(images[i]!, 4))).to.equal(true);
    }
  });
});
