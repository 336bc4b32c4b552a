import { expect } from 'chai';
import { createModel, initialWeights, loadModel, modelParameters } from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { smallBoth } from '../harness/small_model.ts';

describe('weights of a model that is yet to be trained', () => {
  const definition = createModel(smallBoth);
  const weights = initialWeights(definition, 7);

  it('have a finite value of the right shape for every parameter', () => {
    const parameters = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
    expect([...weights.keys()]).to.deep.equal(parameters.map(({ key }) => key));
    for (const { key, shape } of parameters) {
      expect(weights.get(key)?.shape, key).to.deep.equal(shape);
      expect(weights.get(key)?.data.every(Number.isFinite), key).to.equal(true);
    }
  });

  it('start layers as in PyTorch, norms as identities and branches small', () => {
    const values = (key: string) => weights.get(key)?.data ?? new Float32Array(0);
    const kernel = values('neck.lateral_convs.0.conv.weight'); // [8, 8, 1, 1]
    const bound = 1 / Math.sqrt(8);
    expect(Math.max(...kernel.map(Math.abs))).to.be.within(0.8 * bound, bound);
    // the deviation of a uniform distribution is bound / √3; 64 numbers come within a third of it
    const deviation = Math.sqrt(kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length);
    expect(deviation).to.be.closeTo(bound / Math.sqrt(3), bound / (3 * Math.sqrt(3)));
    expect([...values('neck.lateral_convs.0.conv.bias')]).to.deep.equal(new Array(8).fill(0));
    expect([...values('backbone.norm1.weight')]).to.deep.equal(new Array(8).fill(1));
    expect([...values('backbone.norm1.bias')]).to.deep.equal(new Array(8).fill(0));
    expect([...values('backbone.blocks1.0.norm1.running_var')]).to.deep.equal(new Array(8).fill(1));
    expect([...values('backbone.blocks1.0.norm1.running_mean')]).to.deep.equal(new Array(8).fill(0));
    expect([...values('backbone.blocks1.0.layer_scale_1')]).to.deep.equal(new Array(8).fill(Math.fround(1e-5)));
  });

  it('are the same for a seed, others for another, and run', async () => {
    expect(initialWeights(definition, 7)).to.deep.equal(weights);
    const key = 'neck.lateral_convs.0.conv.weight';
    expect(initialWeights(definition, 8).get(key)).not.to.deep.equal(weights.get(key));
    const file = await writeSafetensors(weights).bytes();
    const model = await loadModel({ config: smallBoth, weights: file }, { engine: 'cpu' });
    const image = { width: 40, height: 30, data: new Uint8ClampedArray(4800).fill(99) };
    const { segmentation } = await model.predict(image);
    expect(segmentation?.labels).to.have.length(1200);
    await model.dispose();
  });
});
