import { expect } from 'chai';
import { ConfigError, Result, UnsupportedError } from 'moganet';
import { toImageClassifierResult, toImageSegmenterResult, toObjectDetectorResult } from 'moganet/adapters';
import { nothing, result } from './images.ts';

/** The types of @mediapipe/tasks-vision 0.10 as its declarations have them: what its users wrote must compile. */
interface TheirCategory {
  score: number;
  index: number;
  categoryName: string;
  displayName: string;
}
interface TheirDetections {
  detections: {
    categories: TheirCategory[];
    boundingBox?: { originX: number; originY: number; width: number; height: number; angle: number };
    keypoints: { x: number; y: number; score?: number; label?: string }[];
  }[];
}
interface TheirClasses {
  classifications: { categories: TheirCategory[]; headIndex: number; headName: string }[];
  timestampMs?: number;
}
interface TheirMask {
  readonly width: number;
  readonly height: number;
  hasUint8Array(): boolean;
  getAsUint8Array(): Uint8Array;
  getAsFloat32Array(): Float32Array;
  close(): void;
}
interface TheirSegments {
  readonly confidenceMasks?: TheirMask[] | undefined;
  readonly categoryMask?: TheirMask;
  readonly qualityScores?: number[] | undefined;
  close(): void;
}

describe('results as MediaPipe gives them', () => {
  it('have a category and a box in whole pixels for each detection', () => {
    const found: TheirDetections = toObjectDetectorResult(result, { maxResults: 1 });
    expect(found).to.deep.equal({
      detections: [
        {
          categories: [{ score: 0.9375, index: 1, categoryName: 'dog', displayName: '' }],
          boundingBox: { originX: 0, originY: 1, width: 2, height: 2, angle: 0 },
          keypoints: [],
        },
      ],
    });
  });

  it('are chosen by score, number and name', () => {
    const namesOf = (options?: Parameters<typeof toObjectDetectorResult>[1]) =>
      toObjectDetectorResult(result, options).detections.map(({ categories: [category] }) => category?.categoryName);
    expect(namesOf()).to.deep.equal(['dog', 'cat', 'dog']);
    expect(namesOf({ maxResults: -1 })).to.deep.equal(['dog', 'cat', 'dog']);
    expect(namesOf({ scoreThreshold: 0.75 })).to.deep.equal(['dog', 'cat']);
    expect(namesOf({ categoryAllowlist: ['dog'], maxResults: 2 })).to.deep.equal(['dog', 'dog']);
    expect(namesOf({ categoryAllowlist: [], categoryDenylist: ['dog'] })).to.deep.equal(['cat']);
    expect(() => namesOf({ categoryAllowlist: ['dog'], categoryDenylist: ['cat'] })).to.throw(
      ConfigError,
      /categoryAllowlist and categoryDenylist/,
    );
    expect(() => namesOf({ minScore: 1 } as never)).to.throw(ConfigError, /minScore/);
  });

  it('have the classes of the image under one head', () => {
    const classes: TheirClasses = toImageClassifierResult(result, { maxResults: 1 });
    expect(classes).to.deep.equal({
      classifications: [
        {
          categories: [{ score: 0.5, index: 2, categoryName: 'lynx', displayName: '' }],
          headIndex: 0,
          headName: '',
        },
      ],
    });
  });

  it('have the label of each pixel as a category mask, and no confidence masks', () => {
    const segments: TheirSegments = toImageSegmenterResult(result);
    expect(segments.confidenceMasks).to.equal(undefined);
    const mask = segments.categoryMask!;
    expect([mask.width, mask.height, mask.hasUint8Array()]).to.deep.equal([6, 4, true]);
    expect([...mask.getAsUint8Array()].slice(18)).to.deep.equal([2, 2, 2, 0, 0, 255]);
    expect(mask.getAsFloat32Array()[23]).to.equal(1);
    mask.close();
    segments.close();
  });

  it('refuse a task that did not run, and more classes than a byte has', () => {
    expect(() => toObjectDetectorResult(nothing)).to.throw(RangeError, /no detection/);
    expect(() => toImageClassifierResult(nothing)).to.throw(RangeError, /no classification/);
    expect(() => toImageSegmenterResult(nothing)).to.throw(RangeError, /no segmentation/);
    const classes = Array.from({ length: 300 }, (_, i) => `class ${i}`);
    const many = new Result({ ...nothing, segmentation: { labels: new Uint16Array(24), classes } });
    expect(() => toImageSegmenterResult(many)).to.throw(UnsupportedError, /300 classes/);
  });
});
