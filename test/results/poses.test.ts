import { expect } from 'chai';
import { ConfigError, Poses, poseDatasetOf, Result } from 'moganet';
import { drawPoses, sideBySide } from '../../src/render/index.ts';

/** A crane of three joints, whose jib has a left and a right end. */
const dataset = poseDatasetOf({
  class: 'crane',
  keypoints: {
    names: ['mast', 'left_end', 'right_end'],
    skeleton: [
      [0, 1],
      [0, 2],
    ],
    flipPairs: [[1, 2]],
    sigmas: [0.1, 0.2, 0.2],
  },
});

/** Numbers are exact in float32. The second pose has one point outside of the image, and one below the usual score. */
const poses = new Poses({
  boxes: Float32Array.of(1, 2, 11, 18, 8, 4, 26, 15),
  scores: Float32Array.of(0.75, 0.5),
  points: Float32Array.of(6, 4, 2, 12.5, 9.5, 12, 17, 5, 25, 12, 12, 10),
  pointScores: Float32Array.of(0.875, 0.75, 0.5, 1.25, 0.5, 0.25),
  dataset,
});

const size = { height: 20, width: 24 };
const image = {
  ...size,
  data: new Uint8ClampedArray(4 * size.height * size.width).map((_, i) => (i % 4 === 3 ? 255 : i)),
};
const nothing = {
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  classes: [],
  image,
  timings: { total: 1 },
};
const result = new Result({ ...nothing, poses });

describe('a drawing of poses', () => {
  it('is what `drawPoses` makes of them, and the usual one of a pose model', () => {
    const { keypoints } = dataset;
    const expected = drawPoses(image, { ...poses, keypoints });
    expect(result.render().data).to.deep.equal(expected.data);
    expect(result.render({ draw: 'pose' }).data).to.deep.equal(expected.data);
    expect(expected.data).not.to.deep.equal(image.data);
    const both = new Result({ ...nothing, classes: ['crane'], poses });
    expect(both.render().data).to.deep.equal(expected.data);
    const detection = both.render({ draw: 'detection' });
    expect(detection.data).to.deep.equal(image.data);
    const row = sideBySide([{ raster: detection }, { raster: expected }]);
    expect(both.render({ draw: ['detection', 'pose'] }).data).to.deep.equal(row.data);
  });

  it('takes score, width, radius, colours and opacity', () => {
    const colors = { left: [1, 2, 3], right: [4, 5, 6], trunk: [7, 8, 9] } as const;
    const cases = [
      [{ pointScore: 0.8 }, { score: 0.8 }],
      [{ lineWidth: 3 }, { lineWidth: 3 }],
      [{ pointRadius: 0 }, { pointRadius: 0 }],
      [{ poseColors: colors }, { colors }],
      [{ poseOpacity: 0.5 }, { opacity: 0.5 }],
    ] as const;
    const usual = result.render();
    for (const [options, those] of cases) {
      const drawn = result.render({ draw: 'pose', ...options });
      const what = JSON.stringify(options);
      expect(drawn.data, what).to.deep.equal(drawPoses(image, { ...poses, keypoints: dataset.keypoints }, those).data);
      expect(drawn.data, what).not.to.deep.equal(usual.data);
    }
  });

  it('refuses options that it does not use, and values that are none', () => {
    const untyped = (value: unknown) => value as never;
    const cases: readonly (readonly [call: () => unknown, fact: string | RegExp])[] = [
      [
        () => result.render({ draw: 'pose', maskOpacity: 0.5 }),
        /maskOpacity has no effect on pose\. Used are lineWidth, pointScore.*draw the detection or segmentation\./,
      ],
      [() => result.render({ draw: 'pose', textSize: 9 }), 'textSize has no effect on pose'],
      [() => result.render({ draw: 'detection', pointScore: 0.5 }), 'pointScore has no effect on detection'],
      [() => result.render({ poseColors: untyped({ left: [1, 2, 3] }) }), 'poseColors: must be { left, right, trunk }'],
      [() => result.render({ pointRadius: -1 }), 'pointRadius: must be at least 0'],
      [() => result.render({ poseOpacity: 2 }), 'poseOpacity: must be at most 1'],
      [() => result.render({ draw: untyped('poses') }), 'Did you mean "pose"?'],
    ];
    for (const [call, fact] of cases) expect(call).to.throw(ConfigError, fact);
    expect(() => new Result(nothing).render({ draw: 'pose' })).to.throw(RangeError, 'this result has no pose:');
    // fonts go with every drawing: a program gives them to all
    expect(() => result.render({ draw: 'pose', onMissingGlyphs: () => {} })).not.to.throw();
  });
});
