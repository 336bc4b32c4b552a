import { expect } from 'chai';
import fc from 'fast-check';
import { drawLegend, segmentationLegend } from '../../src/render/legend.ts';
import { drawSegmentation } from '../../src/render/overlay.ts';
import { forEachRun, markBorders, runsOf } from '../../src/render/runs.ts';

/** Label maps of up to 9×9 pixels, with long runs. */
const maps = fc
  .record({ height: fc.integer({ min: 1, max: 9 }), width: fc.integer({ min: 1, max: 9 }) })
  .chain((size) =>
    fc
      .array(fc.integer({ min: 0, max: 2 }), { minLength: 81, maxLength: 81 })
      .map((values) => ({ ...size, labels: Uint8Array.from(values.slice(0, size.height * size.width)) })),
  );

describe('runs of labels', () => {
  it('end where the label changes, wherever rows and runs begin in memory', () => {
    const width = 29;
    for (let offset = 0; offset < 4; offset++) {
      for (let change = 1; change < width; change++) {
        const labels = new Uint8Array(3 * width + offset).subarray(offset).fill(7);
        for (let y = 0; y < 3; y++) labels.fill(y, y * width + change, (y + 1) * width);
        const { ends } = runsOf(labels, { height: 3, width });
        expect([...ends.subarray(0, 6)]).to.deep.equal([change, width, change, width, change, width]);
      }
    }
  });

  it('go from one end of each row to the other, a label each', () => {
    fc.assert(
      fc.property(maps, ({ labels, ...size }) => {
        const runs = runsOf(labels, size);
        for (let y = 0; y < size.height; y++) {
          const row: number[] = [];
          let before = -1;
          forEachRun(runs, y, (start, end) => {
            expect(start).to.equal(row.length);
            const label = labels[y * size.width + start]!;
            expect(label).to.not.equal(before);
            before = label;
            row.push(...Array<number>(end - start).fill(label));
          });
          expect(row).to.deep.equal([...labels.subarray(y * size.width, (y + 1) * size.width)]);
        }
      }),
      { seed: 3 },
    );
  });

  it('are all there of a map in which no two neighbours are equal', () => {
    const size = { height: 40, width: 50 };
    const labels = Uint8Array.from({ length: 2000 }, (_, i) => (Math.floor(i / 50) + i) % 2);
    const { rows, ends } = runsOf(labels, size);
    expect(rows[40]).to.equal(2000);
    expect([...ends.subarray(0, 2000)]).to.deep.equal(Array.from(labels, (_, i) => (i % 50) + 1));
  });

  it('mark the pixels near another label, in rows and columns alone', () => {
    fc.assert(
      fc.property(maps, fc.integer({ min: 0, max: 3 }), ({ labels, height, width }, reach) => {
        const runs = runsOf(labels, { height, width });
        for (let y = 0; y < height; y++) {
          const marks = new Uint8Array(width);
          markBorders(runs, y, reach, marks);
          const expected = Array.from({ length: width }, (_, x) => {
            const label = labels[y * width + x];
            let isNear = false;
            for (let d = -reach; d <= reach; d++) {
              if (x + d >= 0 && x + d < width) isNear ||= labels[y * width + x + d] !== label;
              if (y + d >= 0 && y + d < height) isNear ||= labels[(y + d) * width + x] !== label;
            }
            return isNear ? 1 : 0;
          });
          expect([...marks]).to.deep.equal(expected);
        }
      }),
      { seed: 4 },
    );
  });
});

describe('a segmentation with its legend', () => {
  it('is the same as a segmentation and a legend drawn one after another, on transparent images too', () => {
    const size = { width: 120, height: 70 };
    const labels = Uint8Array.from({ length: 120 * 70 }, (_, i) => [0, 1, 2, 255][((i >> 5) + ((i % 120) >> 4)) % 4]!);
    const classes = ['wall', 'roof', 'a name that is longer than the image is wide'];
    for (const alphaOf of [() => 255, (i: number) => (i * 7) % 256]) {
      const data = Uint8ClampedArray.from({ length: 4 * 120 * 70 }, (_, i) =>
        i % 4 === 3 ? alphaOf(i >> 2) : (i * 31) % 256,
      );
      for (const legend of [{}, { position: 'beside', background: [20, 40, 60], textSize: 14 }] as const) {
        for (const unlabelled of [undefined, 1]) {
          const drawn = drawSegmentation({ ...size, data }, labels, { classes, unlabelled });
          const entries = segmentationLegend(labels, { classes, unlabelled });
          const atOnce = drawSegmentation({ ...size, data }, labels, { classes, unlabelled, legend });
          expect(atOnce).to.deep.equal(drawLegend(drawn, entries, legend));
        }
      }
    }
  });
});
