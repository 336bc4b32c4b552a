import { expect } from 'chai';
import { ndarray } from '../../src/arrays.ts';
import {
  bytesSource,
  type Checkpoint,
  joinShards,
  openCheckpoint,
  readShardIndex,
  shardNameOf,
  tensorsOf,
  writeSafetensors,
} from '../../src/formats/index.ts';
import { isShardIndex } from '../../src/formats/sniff.ts';
import { refusalOf } from '../harness/rejection.ts';
import { bytesOf, TensorValue, torchZip } from '../harness/torch_file.ts';

const text = (content: string) => new TextEncoder().encode(content);
const name = 'model.safetensors.index.json';
const indexText = (map: Readonly<Record<string, unknown>>) =>
  text(JSON.stringify({ metadata: { total_size: 8 }, weight_map: map }));
const indexOf = (map: Readonly<Record<string, unknown>>) => readShardIndex(bytesSource(indexText(map), name));

/** A shard with one-element tensors. */
async function shard(values: Readonly<Record<string, number>>, metadata = {}): Promise<Checkpoint> {
  const tensors = new Map(Object.entries(values).map(([key, value]) => [key, ndarray([1], Float32Array.of(value))]));
  return openCheckpoint(bytesSource(await writeSafetensors(tensors, metadata).bytes(), 'shard.safetensors'));
}

async function values(checkpoint: Checkpoint): Promise<Record<string, number[]>> {
  const found: Record<string, number[]> = {};
  for (const { path, entry } of tensorsOf(checkpoint)) {
    found[path.join('/')] = [...(await entry.readFloat32()).data];
  }
  return found;
}

describe('a checkpoint in several files', () => {
  it('is joined by its index, each tensor from the shard that the index names', async () => {
    const index = await indexOf({ c: 'm-2.safetensors', a: 'm-1.safetensors', b: 'm-2.safetensors' });
    expect(index.files).to.deep.equal(['m-1.safetensors', 'm-2.safetensors']);
    const joined = joinShards(
      index,
      new Map([
        ['m-1.safetensors', await shard({ a: 1 }, { format: 'pt' })],
        ['m-2.safetensors', await shard({ b: 2, c: 3 }, { format: 'pt' })],
      ]),
    );
    expect(await values(joined)).to.deep.equal({ c: [3], a: [1], b: [2] });
    expect([joined.name, joined.format]).to.deep.equal([name, 'safetensors']);
  });

  it('may be shards of torch.save', async () => {
    const data = { 0: bytesOf(Float32Array.of(5)) };
    const bytes = torchZip(new Map([['w', new TensorValue('0', 'FloatStorage', 1, [1])]]), data);
    const index = await indexOf({ w: 'pytorch_model-00001-of-00001.bin' });
    const opened = await openCheckpoint(bytesSource(bytes, 'pytorch_model-00001-of-00001.bin'));
    expect(await values(joinShards(index, new Map([['pytorch_model-00001-of-00001.bin', opened]])))).to.deep.equal({
      w: [5],
    });
  });

  it('is refused by name if a shard, a tensor or its entry in the index is missing', async () => {
    const index = await indexOf({ a: 'm-1.safetensors', b: 'm-2.safetensors' });
    const join = (shards: Record<string, Checkpoint>) =>
      refusalOf(async () => joinShards(index, new Map(Object.entries(shards))));
    const [a, b, both] = [await shard({ a: 1 }), await shard({ b: 2 }), await shard({ a: 1, b: 2 })];

    const noShard = await join({ 'm-1.safetensors': a });
    expect([noShard.code, noShard.message]).to.satisfy(
      ([code, message]: [string, string]) => code === 'missing' && /"m-2\.safetensors" is not there/.test(message),
    );
    const noTensor = await join({ 'm-1.safetensors': a, 'm-2.safetensors': await shard({ z: 2 }) });
    expect(noTensor.message).to.match(/tensor "b": it is not in its shard "m-2\.safetensors"/);
    const surplus = await join({ 'm-1.safetensors': await shard({ a: 1, z: 0 }), 'm-2.safetensors': b });
    expect(surplus.message).to.match(/tensor "z": the shard "m-1\.safetensors" has it, the index names it nowhere/);
    const twice = await join({ 'm-1.safetensors': a, 'm-2.safetensors': both });
    expect(twice.message).to.match(/tensor "a": .*"m-2\.safetensors" has it, the index names "m-1\.safetensors"/);
    for (const refusal of [noTensor, surplus, twice]) expect(refusal.file).to.equal(name);
  });

  const hostile = [
    '../w.safetensors',
    '/etc/passwd',
    'a/b.bin',
    'a\\b.bin',
    'c:x',
    '..',
    '%2e%2e%2fw',
    'a..b',
    '',
    'w ',
  ];
  for (const file of hostile) {
    it(`is refused if its index names the file ${JSON.stringify(file)}`, async () => {
      const refusal = await refusalOf(() => indexOf({ w: file }));
      expect(refusal.code).to.equal('malformed');
      expect(refusal.message).to.match(/^model\.safetensors\.index\.json, tensor "w": .*not a plain file name/);
    });
  }

  const broken: readonly (readonly [string, string, string])[] = [
    ['no JSON', '{"weight_map":', 'malformed'],
    ['no weight_map', '{"metadata":{}}', 'not-a-checkpoint'],
    ['a weight_map that is a list', '{"weight_map":[]}', 'not-a-checkpoint'],
    ['an empty weight_map', '{"weight_map":{}}', 'not-a-checkpoint'],
    ['a shard that is a number', '{"weight_map":{"w":1}}', 'malformed'],
    ['a tensor named twice', '{"weight_map":{"w":"a.bin","w":"b.bin"}}', 'malformed'],
  ];
  for (const [what, content, code] of broken) {
    it(`is refused if its index has ${what}`, async () => {
      expect((await refusalOf(() => readShardIndex(bytesSource(text(content), name)))).code).to.equal(code);
    });
  }

  it('is refused in little time if its index is made to take long', async () => {
    const many = `{"weight_map":{${Array.from({ length: 900_000 }, (_, i) => `"${i}":"a"`).join()}}}`;
    const deep = `{"weight_map":${'['.repeat(1_000_000)}`;
    for (const [content, code] of [
      [many, 'limit'],
      [deep, 'malformed'],
    ] as const) {
      const start = performance.now();
      const refusal = await refusalOf(() => readShardIndex(bytesSource(text(content), name)));
      expect(refusal.code).to.equal(code);
      expect(performance.now() - start).to.be.below(4000);
    }
  });

  it('is recognised by the index, which is no checkpoint by itself', async () => {
    const bytes = indexText({ w: 'a.safetensors' });
    expect(isShardIndex('x.json', bytes)).to.equal(true);
    expect(isShardIndex(name, text('{}'))).to.equal(true);
    expect(isShardIndex('config.json', text('{"model":{}}'))).to.equal(false);
    const refusal = await refusalOf(() => openCheckpoint(bytesSource(bytes, 'bytes')));
    expect(refusal.message).to.match(/the index of a checkpoint in several files.*Give it by its path or URL/);
  });

  it('names its shards by number, and the index beside them', () => {
    const expected = { number: 1, count: 3, index: 'model.safetensors.index.json' };
    expect(shardNameOf('/data/model-00001-of-00003.safetensors')).to.deep.equal(expected);
    expect(shardNameOf('C:\\data\\model-00001-of-00003.safetensors')).to.deep.equal(expected);
    expect(shardNameOf('epoch-12.pth')).to.equal(undefined);
  });
});
