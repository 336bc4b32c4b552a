import { expect } from 'chai';
import { ConfigError, datasets, Result } from 'moganet';
import { type PoseDetectionModel, poseDetector, toPoseDetection, toPosePredictions } from 'moganet/adapters';
import { rejection } from '../harness/rejection.ts';
import { modelOf, nothing } from './images.ts';

/** The types of pose-detection 2.1 as its declarations have them: what its users wrote must compile. */
interface TheirKeypoint {
  x: number;
  y: number;
  z?: number;
  score?: number;
  name?: string;
}
interface TheirBox {
  xMin: number;
  yMin: number;
  xMax: number;
  yMax: number;
  width: number;
  height: number;
}
interface TheirPose {
  keypoints: TheirKeypoint[];
  score?: number;
  keypoints3D?: TheirKeypoint[];
  box?: TheirBox;
  id?: number;
}
interface TheirDetector {
  estimatePoses(
    image: ImageLike,
    config?: { maxPoses?: number; flipHorizontal?: boolean },
    timestamp?: number,
  ): Promise<TheirPose[]>;
  dispose(): void;
  reset(): void;
}
type ImageLike = { width: number; height: number; data: Uint8ClampedArray };

/** Two persons in an image of 6×4, the better one second. */
const result = new Result({
  ...nothing,
  poses: {
    boxes: Float32Array.of(0, 0, 3, 4, 1.5, 1, 6, 3),
    scores: Float32Array.of(0.5, 0.75),
    points: Float32Array.from({ length: 68 }, (_, i) => i / 16),
    pointScores: Float32Array.from({ length: 34 }, (_, i) => i / 32),
    dataset: datasets.coco_keypoints,
  },
});

describe('results as pose-detection gives them', () => {
  it('have the keypoints in pixels with their names, and the box as shares of the image, best first', () => {
    const poses: TheirPose[] = toPoseDetection(result);
    expect(poses.map(({ score }) => score)).to.deep.equal([0.75, 0.5]);
    const [best] = poses;
    expect(best?.keypoints.map(({ name }) => name)).to.deep.equal(datasets.coco_keypoints.keypoints?.names);
    expect(best?.keypoints[1]).to.deep.equal({ x: 36 / 16, y: 37 / 16, score: 18 / 32, name: 'left_eye' });
    expect(best?.box).to.deep.equal({ xMin: 0.25, yMin: 0.25, xMax: 1, yMax: 0.75, width: 0.75, height: 0.5 });
  });

  it('keep the best of those that have the score', () => {
    expect(toPoseDetection(result, { maxPoses: 1 }).map(({ score }) => score)).to.deep.equal([0.75]);
    expect(toPoseDetection(result, { scoreThreshold: 0.75 })).to.have.length(1);
    expect(toPoseDetection(result, { scoreThreshold: 0.8 })).to.deep.equal([]);
  });

  it('are mirrored on demand: twice is as they were', () => {
    const [pose] = toPoseDetection(result, { flipHorizontal: true });
    const [upright] = toPoseDetection(result);
    expect(pose?.keypoints.map(({ x }) => 5 - x)).to.deep.equal(upright?.keypoints.map(({ x }) => x));
    expect(pose?.keypoints.map(({ y }) => y)).to.deep.equal(upright?.keypoints.map(({ y }) => y));
    expect(pose?.box).to.deep.equal({ ...upright?.box, xMin: 0, xMax: 0.75 });
  });

  it('refuse a result without poses, and options that are none', () => {
    expect(() => toPoseDetection(nothing)).to.throw(RangeError, /no pose/);
    expect(() => toPoseDetection(result, { maxPoses: 0 })).to.throw(ConfigError, /toPoseDetection: maxPoses/);
    expect(() => toPoseDetection(result, { nmsRadius: 20 } as object)).to.throw(ConfigError, /nmsRadius/);
  });
});

describe('a model as pose-detection has it', () => {
  it('takes what theirs takes, and asks for no more than that', async () => {
    const model = modelOf(result);
    const ours: PoseDetectionModel = poseDetector(model);
    const theirs: TheirDetector = ours;
    expect(await theirs.estimatePoses(result.image as ImageLike)).to.deep.equal(toPoseDetection(result));
    const config = { maxPoses: 1, flipHorizontal: true };
    expect(await theirs.estimatePoses(result.image as ImageLike, config, 40)).to.deep.equal(
      toPoseDetection(result, config),
    );
    expect(model.asked).to.deep.equal([
      { max: undefined, score: undefined, only: 'pose' },
      { max: 1, score: undefined, only: 'pose' },
    ]);
    expect(await rejection(ours.estimatePoses(result.image, { maxPoses: 0.5 }))).to.be.instanceOf(ConfigError);
    expect(model.asked).to.have.length(2);
    theirs.reset();
    await ours.dispose();
    expect(model.isDisposed).to.equal(true);
  });
});

describe('results as MMPoseInferencer gives them', () => {
  it('have keypoints, their scores and the box in lists, in the order of the result', () => {
    const predictions = toPosePredictions(result);
    expect(predictions).to.have.length(2);
    const [first] = predictions;
    expect(first).to.have.all.keys('keypoints', 'keypoint_scores', 'bbox');
    expect(first?.keypoints[16]).to.deep.equal([32 / 16, 33 / 16]);
    expect(first?.keypoint_scores).to.deep.equal([...result.poses!.pointScores.slice(0, 17)]);
    expect(first?.bbox[0]).to.deep.equal([0, 0, 3, 4]);
    expect(JSON.parse(JSON.stringify(predictions))).to.deep.equal(predictions);
    expect(() => toPosePredictions(nothing)).to.throw(RangeError, /no pose/);
    expect(toPosePredictions(result.filterPoses(() => false))).to.deep.equal([]);
  });
});
