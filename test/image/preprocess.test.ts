import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { keepRatioSize, roundUpSize } from '../../src/image/geometry.ts';
import { prepareLabels } from '../../src/image/preprocess.ts';
import { slidingWindows, windowOf } from '../../src/postprocess/windows.ts';
import { batchInputs, prepareDetection, prepareSegmentation, prepareWindows } from '../harness/at_once.ts';
import { runners } from '../harness/golden/images.ts';
import { goldenFolders, openCase, shippedGolden } from '../harness/golden.ts';

const plain = { mean: [0, 0, 0], std: [1, 1, 1] } as const;
/** An image whose pixel i is (i, 10 + i, 20 + i), half transparent. */
function ramp(width: number, height: number) {
  const pixels = Array.from({ length: width * height }, (_, i) => [i, 10 + i, 20 + i, 128]);
  return { width, height, data: Uint8ClampedArray.from(pixels.flat()) };
}

describe('sizes', () => {
  it('fit between the two edges in whichever order they are written', () => {
    expect(keepRatioSize({ height: 427, width: 640 }, [1333, 800])).to.deep.equal({ height: 800, width: 1199 });
    expect(keepRatioSize({ height: 427, width: 640 }, [800, 1333])).to.deep.equal({ height: 800, width: 1199 });
    expect(keepRatioSize({ height: 640, width: 427 }, [1333, 800])).to.deep.equal({ height: 1199, width: 800 });
  });

  it('never vanish', () => {
    expect(keepRatioSize({ height: 1, width: 60000 }, [1333, 800])).to.deep.equal({ height: 1, width: 1333 });
  });

  it('round up to the divisor, and keep multiples of it', () => {
    expect(roundUpSize({ height: 800, width: 1199 }, 32)).to.deep.equal({ height: 800, width: 1216 });
  });
});

describe('prepareWindows', () => {
  it('gives the windows of what prepareSegmentation gives whole, with the padding', () => {
    const image = ramp(23, 17);
    const mean = [3, 5, 7] as const;
    const common = { mean, std: [2, 3, 4], divisor: 4, padDivisor: 32, padValue: [1, 2, 3] } as const;
    for (const scale of [[23, 17] as const, [40, 30] as const, [12, 24] as const]) {
      for (const channelOrder of ['rgb', 'bgr'] as const) {
        const pipeline = { ...common, scale, channelOrder };
        const whole = prepareSegmentation(image, pipeline);
        const { cut, geometry, input } = prepareWindows(image, pipeline);
        expect(geometry).to.deep.equal(whole.geometry);
        expect(input).to.deep.equal(whole.input);
        for (const window of slidingWindows(geometry.padded, { crop: square(16), stride: square(11) })) {
          expect(cut?.(window)).to.deep.equal(windowOf(whole.input, 0, window));
        }
      }
    }
  });
});

const square = (extent: number) => ({ height: extent, width: extent });

describe('prepareDetection', () => {
  it('normalises into planes of red, green and blue and pads with zeros right and below', () => {
    const image = ramp(3, 2);
    const pipeline = { scale: [3, 2], divisor: 4, mean: [1, 2, 4], std: [2, 4, 8] } as const;
    const { input, geometry } = prepareDetection(image, pipeline);
    expect(input.shape).to.deep.equal([1, 3, 4, 4]);
    const [red, green, blue] = [0, 1, 2].map((c) => [...input.data.subarray(16 * c, 16 * c + 16)]);
    expect(red).to.deep.equal([-0.5, 0, 0.5, 0, 1, 1.5, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(green!.slice(0, 8)).to.deep.equal([2, 2.25, 2.5, 0, 2.75, 3, 3.25, 0]);
    expect(blue!.slice(0, 8)).to.deep.equal([2, 2.125, 2.25, 0, 2.375, 2.5, 2.625, 0]);
    expect(geometry).to.deep.equal({
      original: { height: 2, width: 3 },
      resized: { height: 2, width: 3 },
      padded: { height: 4, width: 4 },
      scaleX: 1,
      scaleY: 1,
    });
  });

  it('leaves alpha out: colours are not blended', () => {
    const opaque = ramp(4, 3);
    for (let i = 3; i < opaque.data.length; i += 4) opaque.data[i] = 255;
    const pipeline = { scale: [9, 9], divisor: 1, ...plain } as const;
    expect(prepareDetection(ramp(4, 3), pipeline)).to.deep.equal(prepareDetection(opaque, pipeline));
  });

  it('gives the planes in the order that the network was trained on', () => {
    const rgb = prepareDetection(ramp(2, 2), { scale: [2, 2], divisor: 1, ...plain, mean: [1, 2, 3] }).input.data;
    const bgr = prepareDetection(ramp(2, 2), {
      scale: [2, 2],
      divisor: 1,
      ...plain,
      mean: [3, 2, 1],
      channelOrder: 'bgr',
    }).input.data;
    expect([...bgr]).to.deep.equal([...rgb.subarray(8, 12), ...rgb.subarray(4, 8), ...rgb.subarray(0, 4)]);
  });

  it('can give up the ratio', () => {
    const { geometry } = prepareDetection(ramp(4, 2), { scale: [6, 10], keepRatio: false, divisor: 1, ...plain });
    expect(geometry.resized).to.deep.equal({ height: 10, width: 6 });
    expect([geometry.scaleX, geometry.scaleY]).to.deep.equal([1.5, 5]);
  });
});

describe('prepareSegmentation', () => {
  it('stretches up to the divisor instead of padding', () => {
    const { input, geometry } = prepareSegmentation(ramp(10, 5), { scale: [20, 10], divisor: 8, ...plain });
    expect(input.shape).to.deep.equal([1, 3, 16, 24]);
    expect(geometry.resized).to.deep.equal({ height: 16, width: 24 });
    expect(geometry.padded).to.deep.equal(geometry.resized);
    expect([geometry.scaleX, geometry.scaleY]).to.deep.equal([2.4, 3.2]);
    // the last pixel shows the image's corner, not padding
    expect(input.data[16 * 24 - 1]).to.equal(49);
  });

  it('takes label maps the same way', () => {
    const labels = { width: 10, height: 5, labels: Uint8Array.from({ length: 50 }, (_, i) => i) };
    const { width, height } = prepareLabels(labels, { scale: [20, 10], divisor: 8 });
    expect([height, width]).to.deep.equal([16, 24]);
  });
});

describe('batchInputs', () => {
  it('pads every image right and below to the largest height and width', () => {
    const tall = { shape: [1, 3, 2, 1], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
    const wide = { shape: [1, 3, 1, 2], data: Float32Array.of(7, 8, 9, 10, 11, 12) };
    const { input, padded } = batchInputs([tall, wide]);
    expect(padded).to.deep.equal({ height: 2, width: 2 });
    expect(input.shape).to.deep.equal([2, 3, 2, 2]);
    const first = [1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0];
    const second = [7, 8, 0, 0, 9, 10, 0, 0, 11, 12, 0, 0];
    expect([...input.data]).to.deep.equal([...first, ...second]);
  });

  it('keeps the geometry of every image: the sizes of the reference’s batch of two', () => {
    const prepared = [ramp(122, 100), ramp(75, 90)].map((image) =>
      prepareDetection(image, { scale: [160, 128], divisor: 32, ...plain }),
    );
    expect(prepared.map(({ geometry: { resized, padded } }) => [resized, padded])).to.deep.equal([
      [
        { height: 128, width: 156 },
        { height: 128, width: 160 },
      ],
      [
        { height: 154, width: 128 },
        { height: 160, width: 128 },
      ],
    ]);
    expect(batchInputs(prepared.map(({ input }) => input)).padded).to.deep.equal({ height: 160, width: 160 });
  });

  it('rounds the common size up to the divisor', () => {
    const one = { shape: [1, 3, 1, 1], data: Float32Array.of(1, 2, 3) };
    expect(batchInputs([one], 4).padded).to.deep.equal({ height: 4, width: 4 });
  });
});

describe('the reference pipelines', () => {
  const shipped = [
    ...['prep_sizes', 'prep_labels_nearest'],
    ...['prep_cls_scene3_101x133_64_1000', 'prep_cls_scene3_101x133_96_900'],
  ];
  for (const name of shipped) {
    it(`${name} meets the golden`, async () => {
      const golden = await openCase(join(shippedGolden, 'heads'), name);
      await runners[golden.kind]!(golden);
    });
  }

  // the photograph of the others cannot be shipped: they run where the whole set is installed
  for (const folder of goldenFolders()) {
    const { cases = [] } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
      cases?: { case: string; kind?: string }[];
    };
    for (const { case: name, kind } of cases) {
      const run = kind === undefined ? undefined : runners[kind];
      if (run) it(`${name} meets the golden in ${folder}`, async () => run(await openCase(folder, name)));
    }
  }
});
