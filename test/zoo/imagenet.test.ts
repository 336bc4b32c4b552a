import { expect } from 'chai';
import { datasets } from '../../src/datasets/index.ts';
import { createModel } from '../../src/models/create.ts';
import { entries, findEntry } from '../../src/zoo/index.ts';

const imageNetNames: readonly string[] = datasets.imagenet.classes;
const classifiers = entries.filter(({ config }) => config.classification);

describe('the names of ImageNet', () => {
  it('are a thousand, each once, also if case is ignored', () => {
    expect(imageNetNames).to.have.length(1000);
    expect(new Set(imageNetNames.map((name) => name.toLowerCase())).size).to.equal(1000);
  });

  it('have the order of the published heads', () => {
    // across the whole list, so that a missing or additional name anywhere is found
    const samples: readonly [number, string][] = [
      [0, 'tench'],
      [1, 'goldfish'],
      [134, 'crane bird'],
      [151, 'Chihuahua'],
      [207, 'golden retriever'],
      [281, 'tabby'],
      [340, 'zebra'],
      [388, 'giant panda'],
      [404, 'airliner'],
      [517, 'crane machine'],
      [639, 'tank suit'],
      [698, 'palace'],
      [779, 'school bus'],
      [817, 'sports car'],
      [920, 'traffic light'],
      [954, 'banana'],
      [963, 'pizza'],
      [980, 'volcano'],
      [999, 'toilet tissue'],
    ];
    for (const [label, name] of samples) expect(imageNetNames[label], `${label}`).to.equal(name);
  });
});

describe('the classifiers of the zoo', () => {
  it('have the thousand names', () => {
    expect(classifiers.length).to.be.at.least(9);
    for (const { name, config } of classifiers) {
      expect(createModel(config).tasks[0]!.dataset!.classes, name).to.deep.equal(imageNetNames);
    }
  });

  it('have the input size of their published numbers', () => {
    for (const { name, config, published } of classifiers) {
      if (!published?.input) continue;
      expect(createModel(config).config.classification!.input.size, name).to.equal(published.input.width);
    }
  });

  it('crop 0.9 of the short side if MogaNet’s authors do', () => {
    for (const name of ['moganet_xt', 'moganet_xt_256', 'moganet_xl', 'moganet_t_256_openmixup']) {
      expect(createModel(findEntry(name).config).config.classification!.input.cropPct).to.equal(0.9);
    }
  });
});
