import { expect } from 'chai';
import { convertCheckpoints, type ModelConfig } from 'moganet';
import { bytesSource } from '../../src/formats/index.ts';
import { openWeights } from '../../src/loading/weights.ts';
import { createModel, modelParameters } from '../../src/models/create.ts';
import { smallDetection, smallFile, smallSegmentation } from '../harness/small_model.ts';

const source = async (config: ModelConfig, name: string, salt?: string) =>
  bytesSource(await smallFile(config, salt), name);

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

describe('converting checkpoints', () => {
  it('keeps every value, one after the other, and drops the weights that only training needs', async () => {
    const input = await source(smallSegmentation, 'segmentor');
    const { output, notices } = await convertCheckpoints([{ source: input }], { name: 'mine' });
    expect(notices).to.deep.equal([]);
    const before = await openWeights(input);
    const after = await openWeights(bytesSource(await output.bytes()));
    expect(after.config.name).to.equal('mine');
    const parameters = modelParameters(createModel(after.config));
    expect([...(await after.fill(parameters))]).to.deep.equal([...(await before.fill(parameters))]);
    const dropped = [...before.entries.keys()].filter((key) => !after.entries.has(key));
    expect(dropped.length).to.be.greaterThan(0);
    expect(dropped.every((key) => key.startsWith('auxiliary_head.'))).to.equal(true);
  });

  it('rounds to half precision on request', async () => {
    const { output } = await convertCheckpoints([{ source: await source(smallDetection, 'detector') }], {
      dtype: 'F16',
    });
    const { entries } = await openWeights(bytesSource(await output.bytes()));
    expect([...new Set([...entries.values()].map(({ dtype }) => dtype))]).to.deep.equal(['float16']);
  });

  it('writes equal bytes for equal inputs', async () => {
    const once = async () => {
      const inputs = [{ source: await source(smallDetection, 'a') }, { source: await source(smallSegmentation, 'b') }];
      return (await convertCheckpoints(inputs)).output.bytes();
    };
    expect(await once()).to.deep.equal(await once());
  });

  it('names the file whose scale cannot be', async () => {
    const input = { source: await source(smallDetection, 'detector'), scale: [3_000_000, 640] as [number, number] };
    expect(await messageOf(convertCheckpoints([input]))).to.match(
      /^ConfigError: detector: detection\.input\.scale\.0: .*got 3000000\.$/,
    );
  });

  it('refuses files that do not make one model', async () => {
    const detector = { source: await source(smallDetection, 'first') };
    expect(await messageOf(convertCheckpoints([]))).to.equal('ConfigError: no file to convert.');
    expect(
      await messageOf(convertCheckpoints([detector, { source: await source(smallDetection, 'second') }])),
    ).to.equal('ConfigError: second: another file already has detection.');
    const wider = {
      ...smallSegmentation,
      backbone: {
        type: 'moganet' as const,
        arch: { dims: [8, 8, 16, 24], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] },
      },
    };
    expect(await messageOf(convertCheckpoints([detector, { source: await source(wider, 'wider') }]))).to.match(
      /^ConfigError: wider: its backbone .* first\./,
    );
    const other = { source: await source(smallSegmentation, 'other', 'salt') };
    expect(await messageOf(convertCheckpoints([detector, other]))).to.match(
      /^CheckpointError: backbone\.\S+ differs between first and other\./,
    );
  });
});
