import { expect } from 'chai';
import {
  createModel,
  type Head,
  initialWeights,
  loadModel,
  type Model,
  type NDArray,
  type Result,
  type Tables,
} from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { conv2d } from 'moganet/nn';
import { smallBoth } from '../harness/small_model.ts';

/** What a custom head decodes keeps its type. The compiler checks the lines; the test, that they hold. */

interface Heat {
  readonly hottest: number;
  readonly map: NDArray;
}

const heat = (): Head<'heat', Heat> => ({
  forward: (scope, pyramid) => ({ heat: conv2d(scope.at('heat'), pyramid[0]!, 1, { kernel: 1 }) }),
  decode: ({ heat: map }) => ({ map, hottest: Math.max(...map.data) }),
});

/** True if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(claim: Same<A, B>): boolean => claim;

describe('the type of what a custom head decodes', () => {
  it('is that of `result.custom`', async () => {
    const config = { backbone: smallBoth.backbone, head: { type: 'heat' } };
    const weights = await writeSafetensors(initialWeights(createModel(config, { heads: { heat } }))).bytes();
    const model = await loadModel({ config, weights }, { heads: { heat }, engine: 'cpu' });
    const data = new Uint8ClampedArray(4 * 32 * 32).fill(99);
    const result = await model.predict({ width: 32, height: 32, data });
    expect(same<typeof result, Result<Heat>>(true)).to.equal(true);
    const { hottest, map } = result.custom!; // no cast
    expect(hottest).to.equal(Math.max(...map.data));
    const [settled] = await model.predictSettled([{ width: 32, height: 32, data }]);
    expect(settled?.status === 'fulfilled' && settled.value.custom?.hottest).to.equal(hottest);
    const kept = result.filter(() => true).custom?.hottest;
    expect(kept).to.equal(hottest);
    await model.dispose();
  });

  it('is unknown if the options do not say it', () => {
    const plain = () => loadModel('facade');
    const tables: Tables = { heads: { heat } };
    const hidden = () => loadModel('facade', tables);
    expect(same<Awaited<ReturnType<typeof plain>>, Model>(true)).to.equal(true);
    expect(same<Awaited<ReturnType<typeof hidden>>['predict'], Model['predict']>(true)).to.equal(true);
  });
});
