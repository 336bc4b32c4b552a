import { expect } from 'chai';
import {
  CheckpointError,
  ConfigError,
  DroppedError,
  EngineError,
  ImageError,
  isRefusal,
  loadModel,
  type Model,
  type Predictor,
  type Progress,
  Result,
  UnsupportedError,
} from 'moganet';
import { remoteLibrary } from '../../src/worker/library.ts';
import { loadModel as loadInWorker, type RemoteModel } from '../../src/worker.ts';
import { rejection } from '../harness/rejection.ts';
import { imageOf, smallBoth, smallClassification, smallFile } from '../harness/small_model.ts';
import { testLibrary, testWorker } from '../harness/threads.ts';

/** Runs both ends of a worker on this thread. `worker.slow.test.ts` has them in a browser. */

const numbersOf = (result: Result) => {
  const { timings: _, ...others } = result;
  return others;
};

describe('a model in a worker', () => {
  let weights: Uint8Array;
  let here: Model;
  let remote: RemoteModel;
  const progress: Progress[] = [];
  const { loadModel: load, workers } = testLibrary();

  before(async () => {
    weights = await smallFile(smallBoth);
    here = await loadModel({ weights }, { engine: 'cpu' });
    remote = await load({ weights }, { engine: 'cpu', onProgress: (one) => progress.push(one) });
  });
  after(async () => {
    await here.dispose();
    await remote.dispose();
  });

  it('says the same about itself as one on this thread', () => {
    for (const fact of ['name', 'classes', 'config', 'unfilled', 'notices', 'sha256'] as const) {
      expect(remote[fact], fact).to.deep.equal(here[fact]);
    }
    expect(`${remote.engine}`).to.equal(`${here.engine}`);
    expect(new Set(progress.map(({ stage }) => stage))).to.deep.equal(new Set(['weights', 'engine']));
  });

  it('gives the same results, which render, filter and write themselves', async () => {
    const image = imageOf(70, 50);
    const options = { score: 0 };
    const [expected, result] = [await here.predict(image, options), await remote.predict(image, options)];
    expect(result).to.be.instanceOf(Result);
    expect(result.length).to.be.above(0);
    expect(numbersOf(result)).to.deep.equal(numbersOf(expected));
    expect(result.toJSON()).to.deep.equal(expected.toJSON());
    expect(result.render()).to.deep.equal(expected.render());
    expect(result.crop(0)).to.deep.equal(expected.crop(0));
    expect(result.masks?.[0]?.toRle()).to.deep.equal(expected.masks?.[0]?.toRle());
    expect(result.filter(({ label }) => label === 0).names).to.deep.equal(
      expected.filter(({ label }) => label === 0).names,
    );
    expect(Object.keys(result.timings).sort()).to.deep.equal(Object.keys(expected.timings).sort());
  });
});
