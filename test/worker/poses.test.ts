import { expect } from 'chai';
import { ConfigError, loadModel, type Model, type ModelConfig, Poses } from 'moganet';
import type { RemoteModel } from '../../src/worker.ts';
import { rejection } from '../harness/rejection.ts';
import { smallPoseHeads } from '../harness/small_heads.ts';
import { imageOf, smallBoth, smallFile } from '../harness/small_model.ts';
import { testLibrary } from '../harness/threads.ts';

/** Poses go from one thread to the other. Both ends run on this thread. */

const { keypoints, ...pose } = smallPoseHeads.heatmap_head;
const config: ModelConfig = {
  name: 'small_pose',
  backbone: smallBoth.backbone,
  pose: { ...pose, keypoints: { names: keypoints?.names ?? [], ...keypoints, sigmas: [0.1, 0.2, 0.2] } },
};
const boxes = [
  [2, 3, 30, 40],
  [10, -4, 70.5, 55],
];

describe('a pose model in a worker', () => {
  const { loadModel: load, workers } = testLibrary();
  let here: Model;
  let remote: RemoteModel;

  before(async () => {
    const weights = await smallFile(config);
    here = await loadModel({ weights }, { engine: 'cpu' });
    remote = await load({ weights }, { engine: 'cpu' });
  });
  after(async () => {
    await here.dispose();
    await remote.dispose();
  });

  it('gives the same poses, which draw and write themselves', async () => {
    const image = imageOf(70, 50);
    for (const options of [
      {},
      { boxes },
      { boxes, oks: 0.9 },
      { boxes: { boxes: boxes.flat(), scores: [0.5, 1] } },
      { boxes: [] },
    ]) {
      const [expected, result] = [await here.predict(image, options), await remote.predict(image, options)];
      expect(result.poses).to.be.instanceOf(Poses);
      expect(result.poses).to.deep.equal(expected.poses);
      expect([...result.poses!]).to.deep.equal([...expected.poses!]);
      expect(result.toJSON()).to.deep.equal(expected.toJSON());
      expect(result.render()).to.deep.equal(expected.render());
      expect(Object.keys(result.timings).sort()).to.deep.equal(Object.keys(expected.timings).sort());
    }
  });

  it('takes the boxes of a result, and leaves the caller its arrays', async () => {
    const image = imageOf(70, 50);
    const found = { boxes: Float32Array.from(boxes.flat()), scores: Float32Array.of(0.5, 0.25) };
    const [expected, result] = [
      await here.predict(image, { boxes: found }),
      await remote.predict(image, { boxes: found }),
    ];
    expect(result.poses).to.deep.equal(expected.poses);
    expect([found.boxes.length, found.scores.length]).to.deep.equal([8, 2]);
  });

  it('refuses boxes before anything is sent, as one on this thread does', async () => {
    const image = imageOf(30, 30);
    const sent = workers[0]?.sent.length;
    const calls = [
      (model: Model | RemoteModel) => model.predict(image, { boxes: [[1, 2, 3]] }),
      (model: Model | RemoteModel) => model.predict([image], { boxes }),
      (model: Model | RemoteModel) => model.predictBatch([image], { boxes }),
    ];
    for (const call of calls) {
      const [there, before] = [await rejection(call(remote)), await rejection(call(here))];
      expect(there).to.be.instanceOf(ConfigError);
      expect(there.message).to.equal(before.message);
    }
    expect(workers[0]?.sent.length).to.equal(sent);
  });
});
