import { expect } from 'chai';
import { casesOf, headRunners } from './harness/golden/cases.ts';
import { type Engines, startEngines, suiteKinds } from './harness/golden/everywhere.ts';
import { shippedGolden } from './harness/golden.ts';

/** Heads and key lists against the shipped numbers of the published code. Whole models are in the slow suite. */
describe('the shipped golden numbers', () => {
  const cases = casesOf(shippedGolden);
  let engines: Engines;
  before(async () => {
    engines = await startEngines();
  });
  after(() => engines.dispose());

  const slow = ['full', 'full_swap', 'detector', 'segmentor'];
  for (const one of cases.filter(({ kind }) => suiteKinds.has(kind) && !slow.includes(kind))) {
    it(`are met by ${one.kind} ${one.name}`, () => engines.run(one));
  }

  it('cover every kind that has a runner', () => {
    const kinds = new Set(cases.map(({ kind }) => kind));
    const absent = Object.keys(headRunners).filter((kind) => !kinds.has(kind));
    // whole models on other backbones have large key lists
    expect(absent).to.deep.equal(['full_swap']);
  });
});
