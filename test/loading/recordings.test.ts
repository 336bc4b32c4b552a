import { expect } from 'chai';
import { loadModel } from 'moganet';
import { bytesSource } from '../../src/formats/index.ts';
import { openWeights } from '../../src/loading/weights.ts';
import { createModel } from '../../src/models/create.ts';
import { Recording } from '../../src/nn/scope.ts';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallFile } from '../harness/small_model.ts';

/** How many graphs `work` records. */
async function recordingsOf(work: () => Promise<unknown>): Promise<number> {
  const before = Recording.count;
  await work();
  return Recording.count - before;
}

describe('a model is recorded once', () => {
  const parts = 3; // features, box, mask

  it('whoever asks for its graphs', async () => {
    const count = await recordingsOf(async () => {
      const definition = createModel(smallBoth);
      expect(Object.keys(definition.parts)).to.have.length(parts);
      for (let time = 0; time < 2; time++) for (const part of Object.values(definition.parts)) void part.graph.nodes;
    });
    expect(count).to.equal(parts);
  });

  it('when the demo is loaded, and not again when it is loaded a second time', async () => {
    const load = async () => (await loadModel('facade', { engine: 'cpu' })).dispose();
    await load();
    expect(await recordingsOf(load)).to.equal(0);
  });

  it('when its file is loaded, with the auxiliary head, whose keys the file has', async () => {
    const weights = await smallFile(smallBoth);
    const count = await recordingsOf(async () => (await loadModel({ weights }, { engine: 'cpu' })).dispose());
    expect(count).to.equal(parts + 1);
  });

  it('when an unknown file is compared with every published model, and not again for the next file', async () => {
    const nameless = async () => rejection(openWeights(bytesSource(nothingKnown, 'nothing.safetensors')));
    await nameless();
    expect(await recordingsOf(nameless)).to.equal(0);
  });
});

/** A safetensors file with one tensor that no model has. */
const nothingKnown = (() => {
  const header = new TextEncoder().encode('{"strange.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}     ');
  const file = new Uint8Array(8 + header.length + 4);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, 8);
  return file;
})();
