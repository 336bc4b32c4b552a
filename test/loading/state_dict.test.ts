import { expect } from 'chai';
import { ndarray } from '../../src/arrays.ts';
import { CheckpointError } from '../../src/errors.ts';
import { bytesSource, metaOf, openCheckpoint, writeSafetensors } from '../../src/formats/index.ts';
import { fillParameters, type ParameterSpec } from '../../src/loading/fill.ts';
import { renamed } from '../../src/loading/layouts.ts';
import { mergeEntries, stateDictOf } from '../../src/loading/state_dict.ts';
import { refusalOf } from '../harness/rejection.ts';
import { bytesOf, CallValue, RawValue, TensorValue, torchZip } from '../harness/torch_file.ts';

const weight = new TensorValue('w', 'FloatStorage', 2, [2]);
const average = new TensorValue('ema', 'FloatStorage', 2, [2]);
const count = new TensorValue('n', 'LongStorage', 1, []);
const storages = {
  w: bytesOf(Float32Array.of(1, 2)),
  ema: bytesOf(Float32Array.of(3, 4)),
  n: bytesOf(BigInt64Array.of(7n)),
};
const dict = (fields: Record<string, unknown>) => new Map(Object.entries(fields));
/** Only the storages that the object uses would be in a real file; more do no harm. */
const open = (fields: Record<string, unknown>) =>
  openCheckpoint(bytesSource(torchZip(dict(fields), storages), 'w.pth'));
const values = async (checkpoint: Awaited<ReturnType<typeof open>>, options = {}) => {
  const { entries } = stateDictOf(checkpoint, options);
  const read = new Map<string, unknown>();
  for (const [key, entry] of entries) read.set(key, Array.from((await entry.read()).data as Float32Array));
  return Object.fromEntries(read);
};

describe('the weights in a checkpoint', () => {
  it('are refused with the class if they are an object, though there are tensors elsewhere', async () => {
    const module = new CallValue('models.net', 'Net', [], dict({ weight }));
    const checkpoint = await open({ model: module, optimizer: dict({ momentum: weight }) });
    const refusal = await refusalOf(async () => stateDictOf(checkpoint));
    expect(refusal.code).to.equal('unsupported');
    expect(refusal.message).to.match(/its "model" is an object of models\.net\.Net.*save model\.state_dict\(\) alone/);
  });

  it('are missing in a safetensors file without tensors', async () => {
    const empty = await openCheckpoint(bytesSource(await writeSafetensors(new Map()).bytes(), 'w.safetensors'));
    expect((await refusalOf(async () => stateDictOf(empty))).message).to.match(
      /^w\.safetensors: it holds no tensor\. /,
    );
  });

  it('name keys that are no text shortly', async () => {
    const tuples = new RawValue(Buffer.from(`N${'2\x86'.repeat(40)}`, 'latin1'));
    const file = torchZip(
      new Map<unknown, unknown>([
        [tuples, 1],
        ['optimizer', dict({ momentum: weight })],
      ]),
      storages,
    );
    const checkpoint = await openCheckpoint(bytesSource(file, 'w.pth'));
    const refusal = await refusalOf(async () => stateDictOf(checkpoint));
    expect(refusal.message).to.match(/its names are "\(a tuple, a tuple\)", "optimizer"/);
  });

  it('are found bare and under every usual name', async () => {
    expect(await values(await open({ 'a.w': weight }))).to.deep.equal({ 'a.w': [1, 2] });
    for (const name of ['state_dict', 'model', 'net', 'model_state_dict', 'params']) {
      expect(await values(await open({ epoch: 3, [name]: dict({ 'a.w': weight }) })), name).to.deep.equal({
        'a.w': [1, 2],
      });
    }
    expect(stateDictOf(await open({ model: dict({ state_dict: dict({ w: weight }) }) })).set).to.equal('model');
  });

  it('are not the optimizer’s', async () => {
    const checkpoint = await open({ optimizer: dict({ state: dict({ exp_avg: weight }) }) });
    const refusal = await refusalOf(async () => stateDictOf(checkpoint));
    expect(refusal.message).to.match(/no set of weights under a known name; its names are "optimizer"/);
  });

  it('lose the prefixes of data parallelism and compilation if every key has them', async () => {
    const both = stateDictOf(
      await open({ state_dict: dict({ 'module._orig_mod.a': weight, 'module._orig_mod.b': weight }) }),
    );
    expect([...both.entries.keys()]).to.deep.equal(['a', 'b']);
    expect(both.notices).to.deep.equal([
      'Every key begins with "module.", which is removed.',
      'Every key begins with "_orig_mod.", which is removed.',
    ]);
    const one = stateDictOf(await open({ state_dict: dict({ 'module.a': weight, b: weight }) }));
    expect([...one.entries.keys()]).to.deep.equal(['module.a', 'b']);
  });

  it('are the plain set if there is an average, which is named and can be chosen', async () => {
    const checkpoint = await open({ state_dict: dict({ w: weight }), state_dict_ema: dict({ w: average }) });
    expect(await values(checkpoint)).to.deep.equal({ w: [1, 2] });
    expect(stateDictOf(checkpoint).notices).to.deep.equal([
      'The file has several sets of weights: "state_dict" is used, not "state_dict_ema" (averaged). { ema: true } (--ema on the command line) takes the averaged weights.',
    ]);
    expect(await values(checkpoint, { ema: true })).to.deep.equal({ w: [3, 4] });
    const refusal = await refusalOf(async () => stateDictOf(await open({ model: dict({ w: weight }) }), { ema: true }));
    expect(refusal.message).to.equal(
      'w.pth: it has no moving average of the weights, only "model". Load it without the option ema.',
    );
  });

  it('are cut to a prefix on request', async () => {
    const checkpoint = await open({ 'backbone.w': weight, 'neck.w': average });
    expect(await values(checkpoint, { prefix: 'backbone.' })).to.deep.equal({ w: [1, 2] });
    const refusal = await refusalOf(async () => stateDictOf(checkpoint, { prefix: 'head.' }));
    expect(refusal.message).to.match(/no key begins with "head\."; the first is "backbone\.w"/);
  });

  it('come with the notes of mmcv as plain data', async () => {
    const checkpoint = await open({
      meta: dict({ CLASSES: ['cat', 'dog'], epoch: 12 }),
      state_dict: dict({ w: weight }),
    });
    expect({ ...metaOf(checkpoint) }).to.deep.equal({ CLASSES: ['cat', 'dog'], epoch: 12 });
  });
});

describe('rename rules', () => {
  it('take the first rule that fits, drop keys that become null, and keep the order', async () => {
    const { entries } = stateDictOf(await open({ 'stem.0.w': weight, 'head.w': weight, other: average }));
    const result = renamed(entries, [
      [/^stem\.(\d)\./, 'downsample_layers.0.$1.'],
      [/^head\./, null],
    ]);
    expect([...result.keys()]).to.deep.equal(['downsample_layers.0.0.w', 'other']);
  });

  it('refuse two keys that become one', async () => {
    const { entries } = stateDictOf(await open({ a: weight, b: weight }));
    expect(() => renamed(entries, [[/^[ab]$/, 'c']])).to.throw(CheckpointError, '"a" and "b" both become "c"');
  });

  it('apply a transform when the tensor is read', async () => {
    const { entries } = stateDictOf(await open({ a: weight }));
    const transform = {
      pattern: /^a$/,
      shape: () => [2, 1],
      data: ({ data }: { data: Float32Array }) =>
        ndarray(
          [2, 1],
          data.map((value) => -value),
        ),
    };
    const entry = renamed(entries, [], [transform]).get('a');
    expect(entry?.shape).to.deep.equal([2, 1]);
    expect((await entry?.readFloat32())?.data).to.deep.equal(Float32Array.of(-1, -2));
  });
});

describe('filling parameters', () => {
  const parameter = (key: string, shape = [2]): ParameterSpec => ({ key, shape, kind: 'parameter' });

  it('gives every parameter in the model’s order, and never loads ignored ones', async () => {
    const { entries } = stateDictOf(await open({ b: average, 'bn.num_batches_tracked': count, a: weight }));
    const ignored: ParameterSpec[] = ['bn.num_batches_tracked', 'x.num_batches_tracked'].map((key) => ({
      key,
      shape: [],
      kind: 'ignored',
    }));
    const progress: string[] = [];
    const weights = await fillParameters([parameter('a'), parameter('b'), ...ignored], entries, {
      onTensor: (done, total) => progress.push(`${done}/${total}`),
    });
    expect([...weights]).to.deep.equal([
      ['a', { shape: [2], data: Float32Array.of(1, 2) }],
      ['b', { shape: [2], data: Float32Array.of(3, 4) }],
    ]);
    expect(progress).to.deep.equal(['1/2', '2/2']);
  });

  it('reports all that does not fit together, and reads nothing', async () => {
    const { entries } = stateDictOf(await open({ a: weight, extra: weight, n: count, aux: weight }));
    const forbidden = new Map(
      [...entries].map(([key, entry]) => [key, { ...entry, readFloat32: () => expect.fail('a tensor was read') }]),
    );
    const wanted = [parameter('a', [3]), parameter('lost'), { key: 'n', shape: [], kind: 'buffer' } as const];
    const refusal = await refusalOf(() =>
      fillParameters(wanted, forbidden, { file: 'w.pth', ignore: (key) => key === 'aux' }),
    );
    expect(refusal.code).to.equal('missing');
    expect(refusal.message).to.equal(
      'w.pth: it does not fit the model: 1 missing: lost; 1 unexpected: extra; 1 of another shape: a [2] (the model has [3]); ' +
        '1 not of a floating-point type: n int64. Check that the file belongs to this model and its configuration.',
    );
  });

  it('names a prefix that explains it, on either side', async () => {
    const { entries } = stateDictOf(await open({ 'backbone.a.w': weight, 'backbone.b.w': weight }));
    const bare = await refusalOf(() => fillParameters([parameter('a.w'), parameter('b.w')], entries));
    expect(bare.remedy).to.equal(
      `The file's keys begin with "backbone.", the model's do not: { prefix: 'backbone.' } (--prefix backbone. on the command line) takes it off.`,
    );
    const whole = await refusalOf(() =>
      fillParameters([parameter('model.backbone.a.w'), parameter('model.backbone.b.w'), parameter('head')], entries),
    );
    expect(whole.remedy).to.match(/^The model's keys begin with "model\.", the file's do not/);
  });

  it('refuses NaN and infinite weights by name, unless they are allowed', async () => {
    const storage = {
      w: bytesOf(Float64Array.of(Number.NaN, 1)),
      v: bytesOf(Float64Array.of(1e300, 1)),
      u: bytesOf(Float64Array.of(1, 2)),
    };
    const tensor = (key: string) => new TensorValue(key, 'DoubleStorage', 2, [2]);
    const file = torchZip(dict({ w: tensor('w'), v: tensor('v'), u: tensor('u') }), storage);
    const { entries } = stateDictOf(await openCheckpoint(bytesSource(file)));
    const wanted = ['w', 'v', 'u'].map((key) => parameter(key));
    const refusal = await refusalOf(() => fillParameters(wanted, entries));
    expect(refusal.code).to.equal('value');
    expect(refusal.reason).to.equal('NaN or infinite values as 32-bit floats in w, v');
    const weights = await fillParameters(wanted, entries, { allowNonFinite: true });
    expect(weights.get('v')?.data[0]).to.equal(Number.POSITIVE_INFINITY);
  });
});

describe('merging files', () => {
  it('joins their tensors if equal keys have equal values', async () => {
    const first = { file: 'a.pth', entries: stateDictOf(await open({ trunk: weight, box: average })).entries };
    const second = { file: 'b.pth', entries: stateDictOf(await open({ trunk: weight, mask: average })).entries };
    expect([...(await mergeEntries([first, second])).keys()]).to.deep.equal(['trunk', 'box', 'mask']);
    const third = { file: 'c.pth', entries: stateDictOf(await open({ trunk: average })).entries };
    const error = await mergeEntries([first, third]).catch((e: unknown) => e);
    expect((error as Error).message).to.equal('trunk differs between a.pth and c.pth. Merge files of one model only.');
  });
});
