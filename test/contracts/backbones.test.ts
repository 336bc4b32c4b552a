import { expect } from 'chai';
import { backboneConfigs, backbones, families, keyLayouts } from '../../src/backbones/index.ts';
import { describeBackbone, describeBackbonesOnEngines } from './backbone_suite.ts';

describe('the table of backbones', () => {
  it('is the source of factories, schemas and key layouts', () => {
    const names = Object.keys(families);
    expect(Object.keys(backbones)).to.deep.equal(names);
    expect(Object.keys(keyLayouts)).to.deep.equal(names);
    expect(backboneConfigs.flatMap(({ shape }) => [...shape.type._zod.values])).to.deep.equal(names);
  });
});

for (const [name, family] of Object.entries(families)) describeBackbone(name, family);
describeBackbonesOnEngines(families);
