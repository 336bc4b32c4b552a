import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { ConfigError, Poses, poseDatasetOf, Result, type ResultJson, version } from 'moganet';
import { parseCocoResults } from '../../src/data/coco_json.ts';
import { readYoloLabels } from '../../src/data/layouts/yolo_labels.ts';
import { datasets } from '../../src/datasets/index.ts';
import { drawDetections, drawPoses, sideBySide } from '../../src/render/index.ts';
import { picture, read } from '../harness/data_files.ts';

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

  it('has boxes and labels below the poses if they are asked for', () => {
    const found = { boxes: poses.boxes, scores: poses.scores, labels: Int32Array.of(0, 0), classes: ['crane'] };
    const colors = { palette: [[9, 99, 199] as const], lineWidth: 1, textSize: 6 };
    for (const shown of [
      { boxes: true, labels: false },
      { boxes: false, labels: true },
      { boxes: true, labels: true },
    ]) {
      const below = drawDetections(image, found, { ...shown, ...colors });
      const expected = drawPoses(below, { ...poses, keypoints: dataset.keypoints }, { lineWidth: 1 });
      expect(result.render({ draw: 'pose', ...shown, ...colors }).data).to.deep.equal(expected.data);
      expect(below.data).not.to.deep.equal(image.data);
    }
    expect(result.render({ boxes: false, labels: false }).data).to.deep.equal(result.render().data);
  });

  it('refuses options that it does not use, and values that are none', () => {
    const untyped = (value: unknown) => value as never;
    const cases: readonly (readonly [call: () => unknown, fact: string | RegExp])[] = [
      [
        () => result.render({ draw: 'pose', maskOpacity: 0.5 }),
        /maskOpacity has no effect on pose\. Used are textSize.*pointScore.*draw the detection or segmentation\./,
      ],
      [() => result.render({ draw: 'pose', masks: true }), 'masks has no effect on pose'],
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

/** The value as another program reads it from JSON. */
const written = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('the formats of poses', () => {
  const person = new Result({
    ...nothing,
    poses: {
      boxes: Float32Array.of(1, 2, 11, 18),
      scores: Float32Array.of(0.75),
      points: Float32Array.of(6, 4.5, 7.5, 3, -2, 3),
      pointScores: Float32Array.of(0.875, 1.125, 0.25),
      dataset: poseDatasetOf({
        keypoints: {
          names: ['nose', 'left_eye', 'right_eye'],
          skeleton: [
            [0, 1],
            [0, 2],
          ],
          flipPairs: [[1, 2]],
        },
      }),
    },
  });

  it('are as docs/results.md shows them', () => {
    const page = readFileSync(new URL('../../docs/results.md', import.meta.url), 'utf8');
    const section = page.split(/^## /m).find((text) => text.startsWith('Poses'))!;
    const blocks = [...section.matchAll(/```(?:json)?\n(.*?)```/gs)].map((match) => match[1]!);
    const [json, coco, labelme, yolo] = blocks;
    expect(written(person)).to.deep.equal(JSON.parse(json!.replace('"0.1.0"', JSON.stringify(version))));
    expect(written(person.toCOCO({ imageId: 7 }))).to.deep.equal(JSON.parse(coco!));
    expect(written(person.toLabelme({ imagePath: 'a.jpg' }))).to.deep.equal(JSON.parse(labelme!));
    expect(person.toYOLO()).to.equal(yolo);
    expect(blocks).to.have.length(4);
  });

  it('read back from JSON to the same poses, which can be drawn without the model', () => {
    const { pose = [], keypoints } = written(result) as ResultJson;
    const points = Float32Array.from(pose.flatMap((one) => one.keypoints.flatMap(({ x, y }) => [x, y])));
    const pointScores = Float32Array.from(pose.flatMap((one) => one.keypoints.map(({ score }) => score)));
    expect(points).to.deep.equal(poses.points);
    expect(pointScores).to.deep.equal(poses.pointScores);
    expect(pose.map(({ name, score, box }) => [name, score, ...box])).to.deep.equal([
      ['crane', 0.75, 1, 2, 11, 18],
      ['crane', 0.5, 8, 4, 26, 15],
    ]);
    expect(drawPoses(image, { points, pointScores, keypoints: keypoints! }).data).to.deep.equal(result.render().data);
    const none = result.filterPoses(() => false);
    expect(none.toJSON().pose).to.deep.equal([]);
    expect(none.toJSON().keypoints).to.deep.equal(result.toJSON().keypoints);
    expect(written(new Result(nothing))).not.to.have.any.keys('pose', 'keypoints');
  });

  it("are COCO's results of keypoints, in the category of the data set", () => {
    const read = parseCocoResults(JSON.stringify(result.toCOCO({ imageId: 3 })), 'results.json');
    expect(read.map(({ image_id, category_id, score }) => [image_id, category_id, score])).to.deep.equal([
      [3, 1, 0.75],
      [3, 1, 0.5],
    ]);
    const [first] = read;
    expect(first?.keypoints).to.deep.equal([6, 4, 0.875, 2, 12.5, 0.75, 9.5, 12, 0.5]);
    expect([first?.bbox, first?.segmentation]).to.deep.equal([undefined, undefined]);
    expect(written(result.toCOCO({ imageId: 3 }))).to.deep.equal(
      result.toCOCO({ imageId: 3 }).map(({ image_id, category_id, keypoints, score }) => ({
        image_id,
        category_id,
        keypoints,
        score,
      })),
    );
    const numbered = new Poses({ ...poses, dataset: { ...dataset, categoryIds: [18] } });
    expect(new Result({ ...nothing, poses: numbered }).toCOCO({ imageId: 3 })[0]?.category_id).to.equal(18);
    expect(datasets.coco_keypoints.categoryIds).to.deep.equal([1]);
  });

  it('are points and boxes of labelme, as many as the score and the image leave', () => {
    const shapes = (pointScore?: number) =>
      result
        .toLabelme({ imagePath: 'x.jpg', pointScore })
        .shapes.map(({ label, shape_type, group_id, points }) => [label, shape_type, group_id, ...points.flat()]);
    const first = [
      ['crane', 'rectangle', 0, 1, 2, 11, 18],
      ['mast', 'point', 0, 6.5, 4.5],
      ['left_end', 'point', 0, 2.5, 13],
      ['right_end', 'point', 0, 10, 12.5],
    ];
    const second = [
      ['crane', 'rectangle', 1, 8, 4, 26, 15],
      ['mast', 'point', 1, 17.5, 5.5],
    ];
    expect(shapes()).to.deep.equal([...first, ...second]);
    expect(shapes(-1)).to.deep.equal([...first, ...second, ['right_end', 'point', 1, 12.5, 10.5]]);
    expect(shapes(1)).to.deep.equal([first[0], ...second]);
    const outside = new Poses({ ...poses, boxes: poses.boxes.map((x, i) => (i < 4 ? x - 100 : x)) });
    const kept = new Result({ ...nothing, poses: outside }).toLabelme({ imagePath: 'x.jpg' }).shapes;
    expect(kept.map(({ shape_type }) => shape_type).slice(0, 3), 'a box outside').to.deep.equal(Array(3).fill('point'));
  });

  it("read back from labelme's file: the same boxes, keypoints and names", async () => {
    const file = JSON.stringify(result.toLabelme({ imagePath: 'x.png' }));
    const set = await read({ 'x.labelme.json': file, 'x.png': picture(24, 20) });
    expect([set.format, set.kinds, set.classes]).to.deep.equal([
      'labelme',
      ['objects', 'masks', 'keypoints'],
      ['crane'],
    ]);
    expect(set.keypoints).to.deep.equal({ names: ['left_end', 'mast', 'right_end'], skeleton: [] });
    expect(set.notices).to.deep.equal([]);
    const [first, second, ...more] = set.all[0]?.objects ?? [];
    expect(more).to.deep.equal([]);
    expect(first).to.deep.include({ box: [1, 2, 11, 18], area: 160, label: 0 });
    expect(first?.keypoints).to.deep.equal([
      [2, 12.5, 2],
      [6, 4, 2],
      [9.5, 12, 2],
    ]);
    // the first point is outside of the image, and the score of the last is low
    expect(second).to.deep.include({ box: [8, 4, 26, 15], label: 0 });
    expect(second?.keypoints).to.deep.equal([
      [0, 0, 0],
      [17, 5, 2],
      [0, 0, 0],
    ]);
  });

  it("read back from YOLO's text, each keypoint seen or not", () => {
    const config = { classes: ['crane'], keypoints: { count: 3, dimensions: 3 } } as const;
    const yolo = readYoloLabels(result.toYOLO(), size, config);
    expect(yolo.problems).to.deep.equal([]);
    const [first, second] = yolo.objects;
    const near = (found: number[], expected: readonly number[]) => {
      expect(found).to.have.length(expected.length);
      for (const [i, value] of found.entries()) expect(value, `${i}`).to.be.closeTo(expected[i]!, 2e-5);
    };
    near(first!.keypoints!.flat(), [6, 4, 2, 2, 12.5, 2, 9.5, 12, 2]);
    near([...first!.box], [1, 2, 11, 18]);
    near(second!.keypoints!.flat(), [17, 5, 2, 0, 0, 0, 0, 0, 0]);
    near([...second!.box], [8, 4, 24, 15]); // cut off at the image
    const numbers = result.toYOLO({ scores: true, pointScore: 0 }).split('\n')[1]!.split(' ').map(Number);
    near(numbers.slice(5), [17 / 24, 5 / 20, 1.25, 0, 0, 0, 12 / 24, 10 / 20, 0.25, 0.5]);
    const away = new Poses({ ...poses, boxes: poses.boxes.map((x, i) => (i < 4 ? x - 100 : x)) });
    expect(new Result({ ...nothing, poses: away }).toYOLO().match(/\n/g)).to.have.length(1);
    expect(() => result.toYOLO({ segments: true })).to.throw(RangeError, 'poses have no outlines');
  });

  it('keep points on the border of the image, and those half a pixel beyond its outer middles', () => {
    const { width, height } = size;
    const at = (x: number, y: number) =>
      new Result({
        ...nothing,
        poses: {
          boxes: Float32Array.of(0, 0, width, height),
          scores: Float32Array.of(1),
          points: Float32Array.of(x, y, 1, 1, 1, 1),
          pointScores: Float32Array.of(1, 1, 1),
          dataset,
        },
      });
    const inside = [
      [-0.5, -0.5],
      [width - 0.5, height - 0.5],
      [0, height - 1],
    ] as const;
    for (const [x, y] of inside) {
      expect(at(x, y).toLabelme({ imagePath: 'x' }).shapes, `${x}, ${y}`).to.have.length(4);
      expect(at(x, y).toYOLO().split(' ')[7], `${x}, ${y}`).to.equal('2');
    }
    for (const [x, y] of [
      [-0.625, 3],
      [3, -0.625],
      [width - 0.375, 3],
      [3, height - 0.375],
    ] as const) {
      expect(at(x, y).toLabelme({ imagePath: 'x' }).shapes, `${x}, ${y}`).to.have.length(3);
      expect(at(x, y).toYOLO().split(' ').slice(5, 8), `${x}, ${y}`).to.deep.equal(['0', '0', '0']);
    }
  });
});

describe('poses', () => {
  it('are filtered with all their arrays, alone and in a result', () => {
    const second = poses.filter(({ score }) => score < 0.75);
    expect(second).to.deep.equal(
      new Poses({
        boxes: poses.boxes.slice(4),
        scores: poses.scores.slice(1),
        points: poses.points.slice(6),
        pointScores: poses.pointScores.slice(3),
        dataset,
      }),
    );
    expect(second.at(0)).to.deep.equal({ ...poses.at(1), index: 0 });
    const kept = result.filterPoses((pose, i) => pose.index === i && pose.keypoints[0]!.score > 1);
    expect(kept.poses).to.deep.equal(second);
    expect(kept.image).to.equal(result.image);
    expect(result.poses?.length).to.equal(2);
    expect(result.filter(() => false).poses, 'filter is for instances').to.deep.equal(poses);
  });

  it('refuse arrays that do not fit, and numbers that are not finite', () => {
    const untyped = (value: unknown) => value as never;
    const withPairs = (pairs: unknown) => ({
      ...dataset,
      keypoints: { ...dataset.keypoints, flipPairs: untyped(pairs) },
    });
    type Case = readonly [call: () => unknown, fact: string];
    const cases: readonly Case[] = [
      [() => new Poses({ ...poses, scores: Float32Array.of(1) }), '8 numbers of boxes, 1 scores'],
      [() => new Poses({ ...poses, points: poses.points.slice(2) }), '10 numbers of points'],
      [() => new Poses({ ...poses, pointScores: poses.pointScores.slice(1) }), '5 scores of points'],
      [() => new Poses({ ...poses, dataset: untyped(datasets.coco) }), '0 keypoints'],
      [() => new Poses(untyped(undefined)), 'undefined numbers of boxes'],
      [() => new Poses({ ...poses, points: untyped([...poses.points]) }), 'got other arrays, 8 numbers of boxes'],
      [() => new Poses({ ...poses, dataset: untyped({ keypoints: dataset.keypoints }) }), 'dataset (classes, and'],
      [() => new Poses({ ...poses, dataset: untyped({ ...dataset, keypoints: { names: ['a'] } }) }), 'and 1 keypoints'],
      [
        () => new Poses({ ...poses, dataset: { ...dataset, keypoints: { ...dataset.keypoints, skeleton: [[0, 3]] } } }),
        'pairs of keypoints from 0 to 2, got [0,3].',
      ],
      ...[5, null, [0], ['length', 0], [0, 0.5]].map(
        (pair): Case => [
          () => new Poses({ ...poses, dataset: withPairs([[0, 1], pair]) }),
          'pairs of keypoints from 0 to 2, got',
        ],
      ),
      [() => new Poses({ ...poses, points: poses.points.map((x) => x / 0) }), 'finite numbers, got points[0] Infinity'],
      [() => new Result({ ...nothing, poses: untyped([]) }), 'poses are { boxes (4·n numbers)'],
      [() => poses.filter(untyped('x')), 'filter takes a function of a pose, got "x".'],
      [() => result.filterPoses(untyped(1)), 'filter takes a function of a pose, got 1.'],
      [() => result.toLabelme({ imagePath: 'a', pointScore: untyped('0.3') }), 'pointScore: must be a number'],
      [() => result.toYOLO({ pointScore: Number.NaN }), 'pointScore: must be a number'],
    ];
    for (const [call, fact] of cases) expect(call, fact).to.throw(ConfigError, fact);
    expect(() => new Result(nothing).filterPoses(() => true)).to.throw(RangeError, 'this result has no pose:');
    expect(() => poses.at(2)).to.throw(RangeError, 'there is no pose 2: the result has 2.');
  });
});
