import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { UnsupportedError } from '../../src/errors.ts';
import type { Engine } from '../../src/nn/index.ts';
import { engines } from '../harness/engines.ts';
import { describeNetworks, quickSets } from '../harness/golden/network_suite.ts';
import { expectKeys, networkRunners } from '../harness/golden/networks.ts';
import { type GoldenCase, GoldenMismatch, goldenFolders, openCase, shippedGolden } from '../harness/golden.ts';

/** Small networks against the shipped numbers of the published code. Larger ones are in the slow suite. */

describeNetworks(quickSets);

describe('the runners of networks', () => {
  let engine: Engine;
  let trace: GoldenCase;
  before(async () => {
    engine = (await engines.wasm!()) as Engine;
    trace = await openCase(shippedGolden, 'moganet_nano_trace_48x64');
  });
  after(() => engine.dispose());
  const failureOf = async (golden: GoldenCase): Promise<unknown> =>
    networkRunners(engine)[golden.kind]!(golden).then(
      () => undefined,
      (error: unknown) => error,
    );

  it('name the first module that differs', async () => {
    // the values of two modules are wrong; the later one is not to be named
    const wrong: GoldenCase = {
      ...trace,
      stored: async (name) => {
        const { shape, data } = await trace.stored(name);
        const changed = name === 'blocks2.0.mlp.fc1' || name === 'blocks3.1';
        return { shape, data: changed ? Float32Array.from(data as Float32Array, (value) => value + 1) : data };
      },
    };
    const failure = await failureOf(wrong);
    expect(failure).to.be.instanceOf(GoldenMismatch);
    expect((failure as Error).message).to.match(/^blocks2\.0\.mlp\.fc1: value \d+ is .*, expected /);
  });

  it('take every module of a trace from the recorded graph', async () => {
    const other: GoldenCase = { ...trace, tensors: new Map([['blocks9.0', trace.tensors.get('blocks3.1')!]]) };
    expect(((await failureOf(other)) as Error).message).to.equal('blocks9.0: the model has no module of this name');
  });

  it('name the backbone that is not there yet', async () => {
    const other: GoldenCase = { ...trace, json: { ...trace.json, model: { kind: 'mogant', arch: 'xt' } } };
    const failure = await failureOf(other);
    expect(failure).to.be.instanceOf(UnsupportedError);
    expect((failure as Error).message).to.match(/mogant/);
  });
});

describe('the keys of the networks', () => {
  for (const folder of [shippedGolden, ...goldenFolders()]) {
    const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
      cases: { keys?: string }[];
    };
    const lists = new Set(index.cases.flatMap(({ keys }) => keys ?? []));
    for (const list of lists) {
      const file = join(folder, 'keys', `${list}.json`);
      if (!existsSync(file)) continue;
      it(`are those of ${list} (${folder === shippedGolden ? 'shipped' : folder})`, () => {
        expectKeys(JSON.parse(readFileSync(file, 'utf8')));
      });
    }
  }
});
