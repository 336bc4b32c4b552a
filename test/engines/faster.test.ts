import { expect } from 'chai';
import { faster } from '../../src/engines/ort.ts';
import { probeOutputs } from '../../src/engines/probe.ts';
import { EngineError } from '../../src/errors.ts';
import type { Engine } from '../../src/nn/index.ts';

/** The choice of `auto` between two engines that compute. */

/** An engine that knows what it is asked, and does something before each answer. */
function engineOf(name: string, before: () => Promise<void> = async () => {}): { engine: Engine; disposals: number } {
  const shape = [1, 1, 3, 4];
  const y = { shape, read: async () => ({ shape, data: Float32Array.from(probeOutputs) }), dispose: () => {} };
  const run = async () => {
    await before();
    return { y };
  };
  const seen = {
    disposals: 0,
    engine: {
      name,
      detail: 'of a test',
      load: async () => ({ run, dispose: () => {} }),
      dispose: async () => void seen.disposals++,
    },
  };
  return seen;
}

const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
const lost = async () => {
  throw new EngineError('the device of webgl was lost.');
};

describe('the faster one of two engines', () => {
  it('is taken, and the other one disposed', async () => {
    const [a, b] = [engineOf('webgl', slow), engineOf('ort-wasm')];
    const taken = await faster(a.engine, b.engine, ['webgpu: none.']);
    expect(taken?.name).to.equal('ort-wasm');
    expect(taken?.hint).to.match(/^webgpu: none\. A small network took ort-wasm [\d.]+ ms here, webgl [\d.]+ ms\.$/);
    expect([a.disposals, b.disposals]).to.deep.equal([1, 0]);
    await taken?.dispose();
  });

  it('is the one that still computes when the device of the other one is lost', async () => {
    const [a, b] = [engineOf('webgl', lost), engineOf('ort-wasm')];
    const taken = await faster(a.engine, b.engine, []);
    expect([taken?.name, taken?.hint]).to.deep.equal(['ort-wasm', 'the device of webgl was lost.']);
    expect([a.disposals, b.disposals]).to.deep.equal([1, 0]);
    await taken?.dispose();
    const [c, d] = [engineOf('webgl', lost), engineOf('ort-wasm', lost)];
    const passed: string[] = [];
    expect(await faster(c.engine, d.engine, passed)).to.equal(undefined);
    expect([c.disposals, d.disposals, passed.length]).to.deep.equal([1, 1, 2]);
  });
});
