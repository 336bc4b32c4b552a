import { expect } from 'chai';
import { type NDArray, ndarray, type TypedArray } from '../../src/arrays.ts';
import { CheckpointError } from '../../src/errors.ts';
import {
  bytesSource,
  CheckpointRefusal,
  openCheckpoint,
  openSafetensors,
  tensorsOf,
  writeSafetensors,
} from '../../src/formats/index.ts';
import { refusalOf } from '../harness/rejection.ts';

const file = (header: string, data = new Uint8Array(0)) => {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytesSource(bytes, 'w.safetensors');
};

async function refusal(source: ReturnType<typeof file>): Promise<CheckpointRefusal> {
  try {
    await openSafetensors(source);
  } catch (error) {
    if (error instanceof CheckpointRefusal) return error;
    throw error;
  }
  throw new Error('the file was read');
}

describe('safetensors', () => {
  const tensors = new Map<string, NDArray<TypedArray>>([
    ['b', ndarray([2], Float32Array.of(1.5, -2))],
    ['a', ndarray([], Float32Array.of(65504))],
    ['count', ndarray([1], BigInt64Array.of(2n ** 60n + 1n))],
    ['bytes', ndarray([3], Uint8Array.of(1, 2, 3))],
    ['none', ndarray([0, 4], new Float32Array(0))],
    ['__proto__', ndarray([1], Int32Array.of(-7))],
    ['1', ndarray([1], Float64Array.of(0.1))],
  ]);

  it('reads back its files with names and metadata', async () => {
    const bytes = await writeSafetensors(tensors, { 'moganet.config': '{"a": "ä"}' }).bytes();
    const opened = await openSafetensors(bytesSource(bytes));
    expect({ ...opened.metadata }).to.deep.equal({ 'moganet.config': '{"a": "ä"}' });
    expect([...opened.tensors.keys()].sort()).to.deep.equal([...tensors.keys()].sort());
    for (const [key, array] of tensors) expect(await opened.tensors.get(key)!.read(), key).to.deep.equal(array);
  });

  it('writes the same bytes for the same tensors in another order, all data aligned', async () => {
    const bytes = await writeSafetensors(tensors).bytes();
    const again = await writeSafetensors(new Map([...tensors].reverse())).bytes();
    expect(again).to.deep.equal(bytes);
    expect(new DataView(bytes.buffer).getUint32(0, true) % 8).to.equal(0);
  });

  it('knows its size before a tensor is read, and gives the same bytes in chunks', async () => {
    const output = writeSafetensors(tensors, {}, { dtype: 'F16' });
    const chunks: number[] = [];
    for await (const chunk of output.chunks()) chunks.push(...chunk);
    expect(chunks.length).to.equal(output.size);
    expect(Uint8Array.from(chunks)).to.deep.equal(await output.bytes());
  });

  it('writes floats as F16 and leaves integers alone, and widens them when reading', async () => {
    const bytes = await writeSafetensors(tensors, {}, { dtype: 'F16' }).bytes();
    const opened = (await openSafetensors(bytesSource(bytes))).tensors;
    expect(opened.get('b')!.dtype).to.equal('float16');
    expect(await opened.get('b')!.read()).to.deep.equal(ndarray([2], Float32Array.of(1.5, -2)));
    expect(opened.get('count')!.dtype).to.equal('int64');
    // 0.1 is not a half: the nearest is 0x2e66
    expect([...(await opened.get('1')!.bytes())]).to.deep.equal([0x66, 0x2e]);
  });

  it('passes tensors of another file through, bit by bit', async () => {
    const first = await writeSafetensors(tensors, {}, { dtype: 'F16' }).bytes();
    const opened = await openSafetensors(bytesSource(first));
    expect(await writeSafetensors(opened.tensors).bytes()).to.deep.equal(first);
    const wide = await writeSafetensors(opened.tensors, {}, { dtype: 'F32' }).bytes();
    const read = await openSafetensors(bytesSource(wide));
    expect((await read.tensors.get('b')!.read()).data).to.deep.equal(Float32Array.of(1.5, -2));
  });

  it('refuses to write a value that F16 cannot hold, naming it', async () => {
    const output = writeSafetensors(new Map([['w', ndarray([2], Float32Array.of(0, 1e6))]]), {}, { dtype: 'F16' });
    const error = await output.bytes().catch((e: unknown) => e);
    expect(error).to.be.instanceOf(CheckpointError);
    expect((error as Error).message).to.equal(
      'w: value 1 is 1000000, which does not fit F16 (largest 65504). Write it as F32.',
    );
  });

  it('reads data at odd offsets', async () => {
    const header =
      '{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}';
    const { tensors: read } = await openSafetensors(file(header, Uint8Array.of(9, 0, 0, 0x80, 0x3f)));
    expect((await read.get('w')!.read()).data).to.deep.equal(Float32Array.of(1));
  });

  it('names the fault, the position and the remedy', async () => {
    const header = '{"w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}';
    expect((await refusal(file(header, new Uint8Array(8)))).message).to.match(
      /^w\.safetensors, tensor "w": 8 bytes for shape \[3\] of F32, which takes 12\. .* safetensors\.$/,
    );
  });

  const cases: readonly (readonly [string, string, string, number?])[] = [
    [
      'a name given twice',
      'malformed',
      '{"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}',
    ],
    ['a gap', 'malformed', '{"w":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', 2],
    ['bytes behind the last tensor', 'malformed', '{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 2],
    ['data cut short', 'truncated', '{"w":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}', 2],
    ['a type that is not read', 'unsupported', '{"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}', 1],
    ['an unknown type', 'malformed', '{"w":{"dtype":"constructor","shape":[1],"data_offsets":[0,1]}}', 1],
    ['metadata that is no text', 'malformed', '{"__metadata__":{"a":1}}'],
    ['100 dimensions', 'limit', `{"w":{"dtype":"U8","shape":[${new Array(100).fill(1)}],"data_offsets":[0,1]}}`, 1],
  ];
  for (const [what, code, header, size = 1] of cases) {
    it(`refuses ${what} as ${code}`, async () => {
      expect((await refusal(file(header, new Uint8Array(size)))).code).to.equal(code);
    });
  }

  it('refuses every known type of elements that is not read as unsupported', async () => {
    for (const dtype of ['F8_E4M3', 'F8_E5M2', 'F8_E8M0', 'F4', 'U32', 'U64', 'C64']) {
      const found = await refusal(
        file(`{"w":{"dtype":"${dtype}","shape":[1],"data_offsets":[0,8]}}`, new Uint8Array(8)),
      );
      expect([found.code, found.reason]).to.deep.equal(['unsupported', `elements of type ${dtype} are not read`]);
    }
  });

  const shared = async (metadata: Record<string, string>) => {
    const kept = new Map([['head.weight', ndarray([1], Float32Array.of(3))]]);
    return openCheckpoint(bytesSource(await writeSafetensors(kept, metadata).bytes(), 'w.safetensors'));
  };

  it('gives a shared tensor under the names that save_model noted in the metadata', async () => {
    const checkpoint = await shared({ 'embed.weight': 'head.weight', format: 'pt' });
    const found = tensorsOf(checkpoint).map(({ path, entry }) => [path.join('/'), entry.shape]);
    expect(found).to.deep.equal([
      ['head.weight', [1]],
      ['embed.weight', [1]],
    ]);
    const { entry } = tensorsOf(checkpoint)[1]!;
    expect((await entry.read()).data).to.deep.equal(Float32Array.of(3));
  });

  it('takes no metadata for a name if the tensor is not stored, or the name is', async () => {
    const checkpoint = await shared({ a: 'b', 'head.weight': 'head.weight', b: '__metadata__', c: 'a' });
    expect(tensorsOf(checkpoint).map(({ path }) => path.join('/'))).to.deep.equal(['head.weight']);
  });

  it('refuses metadata of very many entries, notes and other names of tensors alike', async () => {
    for (const value of ['note', 'w']) {
      const entries = Array.from({ length: 100_000 }, (_, i): [string, string] => [`k${i}`, value]);
      const w = { dtype: 'F32', shape: [0], data_offsets: [0, 0] };
      const found = await refusal(file(JSON.stringify({ __metadata__: Object.fromEntries(entries), w })));
      expect([found.code, found.reason]).to.deep.equal(['limit', 'it has 100000 entries, the limit is 50000']);
    }
  });

  it('counts the values of a header', async () => {
    const entry = (i: number) => `"${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`;
    const header = (count: number) => `{${Array.from({ length: count }, (_, i) => entry(i)).join()}}`;
    const start = performance.now();
    const found = await refusal(file(header(290_000)));
    expect([found.code, found.reason]).to.deep.equal(['limit', 'it holds more than 1000000 values']);
    // half a second on an idle machine; it was 21 s
    expect(performance.now() - start).to.be.below(4000);
    expect((await openSafetensors(file(header(1000)))).tensors.size).to.equal(1000);
  });

  it('refuses a tensor that is larger than any array, when it is read', async () => {
    const bytes = 2 ** 45;
    const small = file(`{"w":{"dtype":"F32","shape":[${bytes / 4}],"data_offsets":[0,${bytes}]}}`);
    const { tensors: opened } = await openSafetensors({ ...small, size: small.size + bytes });
    const entry = opened.get('w')!;
    for (const read of [() => entry.read(), () => entry.readFloat32(), () => entry.bytes()]) {
      const found = await refusalOf(read);
      expect([found.code, found.place]).to.deep.equal(['limit', 'tensor "w"']);
      expect(found.message).to.match(/35184372088832 bytes do not fit into one array here.*Node \(22/);
    }
  });

  it('refuses to give integers as 32-bit floats', async () => {
    const opened = await openSafetensors(bytesSource(await writeSafetensors(tensors).bytes(), 'w.safetensors'));
    for (const name of ['count', 'bytes']) {
      const found = await refusalOf(() => opened.tensors.get(name)!.readFloat32());
      expect([found.code, found.place]).to.deep.equal(['dtype', `tensor "${name}"`]);
    }
  });

  it('tells a file of another kind that has the name of one, as it tells it from a .pth file', async () => {
    const text = new TextEncoder().encode('{"abcd":{"e":1}}, or any other text');
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13);
    for (const [bytes, what] of [
      [text, 'JSON text that begins'],
      [png, 'a PNG image'],
    ] as const) {
      const named = await refusalOf(() => openCheckpoint(bytesSource(bytes, 'w.safetensors')));
      const plain = await refusalOf(() => openCheckpoint(bytesSource(bytes, 'w.pth')));
      expect([named.code, named.reason]).to.deep.equal([plain.code, plain.reason]);
      expect(named.code).to.equal('not-a-checkpoint');
      expect(named.reason).to.include(what);
    }
  });

  it('is not fooled by header lengths that look like the first bytes of other formats', async () => {
    // 0x4b50 is "PK", 0x0280 begins a pickle, 0x8b1f gzip
    for (const length of [0x4b50, 0x0280, 0x8b1f]) {
      const { tensors: read } = await openSafetensors(file(`{}${' '.repeat(length - 2)}`));
      expect(read.size).to.equal(0);
    }
  });
});
