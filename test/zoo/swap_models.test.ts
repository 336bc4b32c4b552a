import { expect } from 'chai';
import { sizeOf } from '../../src/arrays.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { entries, findEntry } from '../../src/zoo/index.ts';
import { fnv1a32 } from '../harness/seeded.ts';
import { swapModels } from './expected.data.ts';

/** Detection and segmentation models that others have published on the other backbones. */
describe('the zoo’s models on other backbones', () => {
  for (const { name, entries: count, keys, params } of swapModels) {
    it(`have the published keys and ${params} parameters: ${name}`, () => {
      const parameters = checkpointParameters(createModel(findEntry(name).config));
      const lines = parameters.map(({ key, shape }) => `${key} ${shape.join('×')}`);
      expect(lines.length).to.equal(count);
      expect(fnv1a32(lines.sort().join('\n'))).to.equal(keys);
      const trained = parameters.filter(({ kind }) => kind === 'parameter');
      expect(trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).to.equal(params);
    });
  }

  it('are all those on ConvNeXt and ResNet', () => {
    const listed = new Set<string>(swapModels.map(({ name }) => name));
    const dense = entries.filter(
      ({ config }) => ['convnext', 'resnet'].includes(config.backbone.type) && !config.classification,
    );
    expect(dense.map(({ name }) => name).filter((name) => !listed.has(name))).to.deep.equal([]);
  });
});
