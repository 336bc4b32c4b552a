import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { loadModel, version } from 'moganet';
import { weightsHash } from '../../src/library/load.ts';
import { version as written } from '../../src/results/json.ts';
import { smallDetection, smallFile } from '../harness/small_model.ts';

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

describe('the origin of a result', () => {
  it('has the version of the package', () => {
    const { version: stated } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect([version, written]).to.deep.equal([stated, stated]);
  });

  it('has a hash of the weights by their values, in any order', async () => {
    const a = { shape: [2, 1], data: Float32Array.of(1, -2) };
    const b = { shape: [1], data: new Float32Array(3).fill(0.5).subarray(1, 2) };
    // IEEE 754, little-endian: 1 is 0000803f, -2 is 000000c0, 0.5 is 0000003f
    const lines = `a 2x1 ${sha256(Buffer.from('0000803f000000c0', 'hex'))}\nb 1 ${sha256(Buffer.from('0000003f', 'hex'))}\n`;
    const expected = sha256(lines);
    const inOrder = new Map([
      ['a', a],
      ['b', b],
    ]);
    expect(await weightsHash(inOrder)).to.equal(expected);
    expect(await weightsHash(new Map([...inOrder].reverse()))).to.equal(expected);
    const other = new Map([...inOrder, ['a', { ...a, shape: [1, 2] }]]);
    expect(await weightsHash(other)).not.to.equal(expected);
  });

  it('has name, hash and engine of the model, and the file if there is one', async () => {
    const image = { width: 8, height: 8, data: new Uint8ClampedArray(256).fill(255) };
    const from = async (salt: string) => {
      const model = await loadModel({ weights: await smallFile(smallDetection, salt) }, { engine: 'cpu' });
      const { origin } = await model.predict(image);
      await model.dispose();
      return origin!;
    };
    const origin = await from('');
    expect(origin.model.name).to.equal('small_detection');
    expect(origin.model.sha256).to.match(/^[0-9a-f]{64}$/);
    expect(origin.engine).to.equal('cpu');
    expect(origin.file).to.equal(undefined);
    expect((await from('')).model.sha256).to.equal(origin.model.sha256);
    expect((await from('other')).model.sha256).not.to.equal(origin.model.sha256);
  });
});
