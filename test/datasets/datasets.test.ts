import { expect } from 'chai';
import { type ClassesConfig, type Dataset, datasetOf, datasets } from '../../src/datasets/index.ts';
import { ConfigError } from '../../src/errors.ts';
import { colorDistance } from '../../src/render/colors.ts';

const { coco, ade20k, imagenet, facade_instances, facade_classes } = datasets;

describe('a data set', () => {
  it('has its id, and one colour and category id for each class if it has any', () => {
    for (const [key, { id, classes, colors = [], categoryIds = [] }] of Object.entries<Dataset>(datasets)) {
      expect(id).to.equal(key);
      expect(new Set(classes).size, key).to.equal(classes.length);
      expect([0, classes.length], key).to.include(colors.length);
      expect([0, classes.length], key).to.include(categoryIds.length);
      for (const color of colors) {
        expect(color.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).to.equal(true);
      }
    }
  });

  it('has the names of COCO, ADE20K and ImageNet in their published order', () => {
    expect([coco.classes.length, coco.classes[0], coco.classes[79]]).to.deep.equal([80, 'person', 'toothbrush']);
    expect([ade20k.classes.length, ade20k.classes[0], ade20k.classes[149]]).to.deep.equal([150, 'wall', 'flag']);
    expect([imagenet.classes.length, imagenet.classes[0]]).to.deep.equal([1000, 'tench']);
  });

  it('has the colours of COCO and ADE20K as they are published', () => {
    expect(coco.colors[0]).to.deep.equal([220, 20, 60]); // person
    expect(coco.colors[79]).to.deep.equal([191, 162, 208]); // toothbrush
    expect(ade20k.colors[0]).to.deep.equal([120, 120, 120]); // wall
    expect(ade20k.colors[149]).to.deep.equal([92, 0, 255]); // flag
  });

  it('gives a class the same colour in both heads of the demo', () => {
    for (const [label, name] of facade_instances.classes.entries()) {
      const same = facade_classes.classes.indexOf(name);
      expect(facade_instances.colors[label], name).to.equal(facade_classes.colors[same]);
    }
    const distances = facade_classes.colors.flatMap((a, i) =>
      facade_classes.colors.slice(0, i).map((b) => colorDistance(a, b)),
    );
    expect(Math.min(...distances)).to.be.greaterThan(0.1);
  });

  it('has the category ids of COCO with their gaps', () => {
    const ids = coco.categoryIds;
    // stop sign is 13, since 12 is not used; of the ten gaps the last is before teddy bear
    expect([ids.length, ids[10], ids[11], ids[77], ids[79]]).to.deep.equal([80, 11, 13, 88, 90]);
  });
});

describe('the data set of a task', () => {
  it('is the one that it names', () => {
    expect(datasetOf({ dataset: 'coco' })).to.equal(coco);
  });

  it('is refused with the nearest name if it is unknown, or if there is none', () => {
    const refusal = (config: unknown, text: string) =>
      expect(() => datasetOf(config as ClassesConfig)).to.throw(ConfigError, text);
    refusal({ dataset: 'cocoo' }, 'unknown data set "cocoo". Did you mean "coco"? Known: coco, ade20k,');
    refusal({ dataset: 'constructor' }, 'unknown data set "constructor".');
    refusal(
      {},
      'datasetOf takes { dataset } (coco, ade20k, imagenet, coco_keypoints, facade_instances, facade_classes) or { classes }, got {}.',
    );
    refusal({ classes: 'door' }, 'got {"classes":"door"}.');
    refusal(undefined, 'got nothing.');
    refusal('coco', 'got "coco".');
  });

  it('has no id if the configuration lists or counts its classes', () => {
    expect(datasetOf({ classes: coco.classes })).to.deep.equal({ classes: coco.classes });
    expect(datasetOf({ classes: 2 })).to.deep.equal({ classes: ['class 0', 'class 1'] });
  });
});
