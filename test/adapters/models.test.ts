import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadModel, type Model } from 'moganet';
import { cocoSsd, type Predicts, pipeline, toCocoSsd, toImageSegmentation, toObjectDetection } from 'moganet/adapters';
import type { RemoteModel } from 'moganet/worker';

describe('adapters of a loaded model', function () {
  this.timeout(120_000);

  it('give what its result gives', async () => {
    const photo = readFileSync('samples/images/street-corner.jpg');
    await using model: Model = await loadModel('facade');
    const result = await model.predict(photo);
    const objects = await cocoSsd(model).detect(photo, 5, 0.3);
    expect(objects).to.have.length(5);
    expect(objects).to.deep.equal(toCocoSsd(result, 5, 0.3));
    const found = await pipeline('object-detection', model)(photo, { threshold: 0.8 });
    expect(found).to.deep.equal(toObjectDetection(result, { threshold: 0.8 }));
    const segments = await pipeline('image-segmentation', model)(photo, { subtask: 'semantic' });
    expect(segments.map(({ label }) => label)).to.include.members(['facade', 'window']);
    expect(segments).to.deep.equal(toImageSegmentation(result, { subtask: 'semantic' }));
  });

  it('take models of this thread and of a worker', () => {
    const taken = (model: Model | RemoteModel): Predicts => model;
    expect(taken).to.be.a('function');
  });
});
