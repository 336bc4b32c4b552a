import { expect } from 'chai';
import type { TensorEntry } from '../../src/formats/index.ts';
import { fillParameters } from '../../src/loading/fill.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { parameterCount } from '../../src/nn/index.ts';
import { seededWeight } from '../harness/seeded.ts';

const definition = createModel({
  backbone: {
    type: 'parcnet',
    arch: { local: [16, 16], dims: [16, 16, 16], widths: [32, 32, 32], depths: [1, 1, 1] },
  },
});
const parameters = checkpointParameters(definition);
const seconds = parameters.filter(({ aliasOf }) => aliasOf);

const entryOf = (key: string, salt = ''): TensorEntry => {
  const { shape } = parameters.find((parameter) => parameter.key === key)!;
  const array = seededWeight(key, shape, { salt });
  return {
    shape,
    dtype: 'float32',
    read: async () => array,
    readFloat32: async () => array,
    bytes: async () => new Uint8Array(array.data.buffer),
  };
};
const fileWith = (keys: readonly string[]) => new Map(keys.map((key) => [key, entryOf(key)]));
const all = parameters.map(({ key }) => key);

describe('ParC-Net', () => {
  it('has the first module of its last layer under a second name', () => {
    expect(seconds).to.have.length(18);
    for (const { key, aliasOf, kind, shape } of seconds) {
      expect(key).to.equal(aliasOf!.replace(/^layer_5\.0\./, 'residual.'));
      expect(kind).to.equal('ignored');
      expect(shape).to.deep.equal(parameters.find((parameter) => parameter.key === aliasOf)!.shape);
    }
  });

  it('counts it once', () => {
    const graph = definition.parts.features!.graph;
    expect(parameterCount(graph, 'residual')).to.equal(0);
    // 16 → 64 → 64 → 16 with norms
    expect(parameterCount(graph, 'layer_5.0')).to.equal(16 * 64 + 2 * 64 + 9 * 64 + 2 * 64 + 64 * 16 + 2 * 16);
  });

  it('is filled from a file with both names, or with either', async () => {
    const key = 'layer_5.0.block.exp_1x1.block.conv.weight';
    const both = await fillParameters(parameters, fileWith(all));
    expect(both.get(key)).to.deep.equal(await entryOf(key).readFloat32());
    expect(both.has('residual.block.exp_1x1.block.conv.weight')).to.equal(false);
    const first = await fillParameters(parameters, fileWith(all.filter((name) => !name.startsWith('residual.'))));
    expect(first.get(key)).to.deep.equal(both.get(key));
    const second = await fillParameters(parameters, fileWith(all.filter((name) => !name.startsWith('layer_5.0.'))));
    expect(second.get(key)).to.deep.equal(await entryOf('residual.block.exp_1x1.block.conv.weight').readFloat32());
  });
});
