import { deflateRawSync } from 'node:zlib';
import { expect } from 'chai';
import { bytesSource, openCheckpoint, plainValue, tensorsOf, valueAt } from '../../src/formats/index.ts';
import { refusalOf } from '../harness/rejection.ts';
import {
  bytesOf,
  CallValue,
  contiguous,
  pickleOf,
  RawValue,
  TensorValue,
  TupleValue,
  torchLegacy,
  torchZip,
  zipOf,
} from '../harness/torch_file.ts';

const floats = (...values: number[]) => bytesOf(Float32Array.from(values));
const open = (bytes: Uint8Array, options = {}) => openCheckpoint(bytesSource(bytes, 'w.pth'), options);
const flat = (count: number) => new TensorValue('0', 'FloatStorage', count, [count]);

/** Reads every tensor, as numbers by path. */
async function read(bytes: Uint8Array): Promise<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  for (const { path, entry } of tensorsOf(await open(bytes))) {
    const { shape, data } = await entry.read();
    result[path.join('/')] = { shape, data: Array.from(data as ArrayLike<number | bigint>) };
  }
  return result;
}

describe('PyTorch zip files', () => {
  it('give tensors by their path through dicts and lists', async () => {
    const object = new Map<string, unknown>([
      ['optimizer', new Map([['state', [5, flat(2)]]])],
      ['w', flat(2)],
    ]);
    expect(await read(torchZip(object, { 0: floats(1, 2) }))).to.deep.equal({
      'optimizer/state/1': { shape: [2], data: [1, 2] },
      w: { shape: [2], data: [1, 2] },
    });
  });

  it('give views of one storage in C order of the view', async () => {
    // storage 0 1 2 / 3 4 5
    const view = (shape: number[], strides: number[], offset = 0) =>
      new TensorValue('0', 'FloatStorage', 6, shape, strides, offset);
    const object = new Map([
      ['transposed', view([3, 2], [1, 3])],
      ['column', view([2], [3], 1)],
      ['expanded', view([2, 3], [0, 1], 3)],
      ['overlapping', view([3, 2], [1, 1], 2)],
      ['scalar', view([], [], 4)],
      ['empty', view([0, 3], [3, 1], 6)],
    ]);
    expect(await read(torchZip(object, { 0: floats(0, 1, 2, 3, 4, 5) }))).to.deep.equal({
      transposed: { shape: [3, 2], data: [0, 3, 1, 4, 2, 5] },
      column: { shape: [2], data: [1, 4] },
      expanded: { shape: [2, 3], data: [3, 4, 5, 3, 4, 5] },
      overlapping: { shape: [3, 2], data: [2, 3, 3, 4, 4, 5] },
      scalar: { shape: [], data: [4] },
      empty: { shape: [0, 3], data: [] },
    });
  });

  it('read float64 as 32-bit floats, transposed or not', async () => {
    const object = new Map([
      ['plain', new TensorValue('0', 'DoubleStorage', 4, [2, 2])],
      ['transposed', new TensorValue('0', 'DoubleStorage', 4, [2, 2], [1, 2])],
    ]);
    const entries = tensorsOf(await open(torchZip(object, { 0: bytesOf(Float64Array.of(0.1, 2, 3, 4)) })));
    expect([...(await entries[0]!.entry.readFloat32()).data]).to.deep.equal([Math.fround(0.1), 2, 3, 4]);
    expect([...(await entries[1]!.entry.readFloat32()).data]).to.deep.equal([Math.fround(0.1), 3, 2, 4]);
  });

  it('swap the bytes of a big-endian file', async () => {
    const big = new Uint8Array(8);
    new DataView(big.buffer).setFloat32(0, 1.5, false);
    new DataView(big.buffer).setFloat32(4, -2, false);
    const bytes = zipOf([
      { name: 'a/data.pkl', data: pickleOf(new Map([['w', flat(2)]])) },
      { name: 'a/byteorder', data: new TextEncoder().encode('big') },
      { name: 'a/data/0', data: big },
    ]);
    expect(await read(bytes)).to.deep.equal({ w: { shape: [2], data: [1.5, -2] } });
  });

  it('read only the structure until a tensor is read', async () => {
    const bytes = torchZip(new Map([['w', flat(250_000)]]), { 0: new Uint8Array(1_000_000) });
    const inner = bytesSource(bytes);
    let total = 0;
    const counted = {
      ...inner,
      read: (at: number, length: number) => {
        total += length;
        return inner.read(at, length);
      },
    };
    await openCheckpoint(counted);
    // 64 kB are searched for the end record, since a comment may follow it
    expect(total).to.be.below(70_000);
  });

  it('keep records of harmless classes, and their values', async () => {
    const args = new CallValue(
      'argparse',
      'Namespace',
      [],
      new Map<string, unknown>([
        ['lr', 0.001],
        ['betas', new TupleValue(0.9, 0.999)],
      ]),
    );
    const checkpoint = await open(
      torchZip(
        new Map<string, unknown>([
          ['args', args],
          ['w', flat(1)],
        ]),
        { 0: floats(1) },
      ),
    );
    const plain = plainValue(checkpoint, valueAt(checkpoint, ['args'])!) as Record<string, unknown>;
    expect({ ...plain }).to.deep.equal({ lr: 0.001, betas: [0.9, 0.999] });
    expect(valueAt(checkpoint, ['args', 'lr'])).to.equal(0.001);
  });

  it('refuse a name that is not known where the name tells of code, and say that nothing was run', async () => {
    const object = new Map<string, unknown>([
      ['config', new CallValue('my.project', 'load', [1])],
      ['w', flat(1)],
    ]);
    const refusal = await refusalOf(() => open(torchZip(object, { 0: floats(1) })));
    expect(refusal.code).to.equal('forbidden-global');
    expect(refusal.message).to.match(
      /^w\.pth, archive\/data\.pkl byte \d+: .*"my\.project\.load".* Nothing of it was run.*model\.state_dict\(\) alone/,
    );
  });

  const evil = [
    ['os', 'system'],
    ['builtins', 'eval'],
    ['torch._utils', '_rebuild_tensor_v2.__globals__'],
    ['torch.storage', '_load_from_bytes'],
    ['constructor', 'constructor'],
    ['__proto__', 'constructor'],
  ] as const;
  for (const [module, name] of evil) {
    it(`never look up ${module}.${name}`, async () => {
      const object = new Map<string, unknown>([
        ['w', flat(1)],
        ['x', new CallValue(module, name, ['x'])],
      ]);
      expect((await refusalOf(() => open(torchZip(object, { 0: floats(1) })))).code).to.equal('forbidden-global');
    });
  }

  it('name unsupported content: quantized and sparse tensors, TorchScript, complex numbers', async () => {
    const made = (name: string) => torchZip(new Map([['w', new CallValue('torch._utils', name, [])]]), {});
    const script = torchZip(new Map([['w', flat(1)]]), { 0: floats(1) }, [
      { name: 'archive/constants.pkl', data: new Uint8Array(4) },
    ]);
    const complex = torchZip(new Map([['w', new TensorValue('0', 'ComplexFloatStorage', 1, [1])]]), {
      0: floats(1, 2),
    });
    for (const [bytes, text] of [
      [made('_rebuild_qtensor'), /a quantized tensor is not read/],
      [made('_rebuild_sparse_tensor'), /a sparse tensor is not read/],
      [script, /a TorchScript archive.*torch\.jit\.load/],
      [complex, /ComplexFloatStorage": elements of this type are not read/],
    ] as const) {
      const refusal = await refusalOf(() => open(bytes));
      expect(refusal.code).to.equal('unsupported');
      expect(refusal.message).to.match(text);
    }
  });

  it('verify the checksum of a storage before a view of it is used, too', async () => {
    const object = new Map([['w', new TensorValue('0', 'FloatStorage', 4, [2])]]);
    const bytes = zipOf([
      { name: 'a/data.pkl', data: pickleOf(object) },
      { name: 'a/data/0', data: floats(1, 2, 3, 4), crc: 12345 },
    ]);
    const [tensor] = tensorsOf(await open(bytes));
    const refusal = await refusalOf(() => tensor!.entry.read());
    expect(refusal.code).to.equal('checksum');
    expect(refusal.message).to.match(/entry "a\/data\/0": its bytes do not give the checksum/);
  });

  it('inflate deflated storages, views of them too, and never past their stated size', async () => {
    const values = floats(...Array.from({ length: 1000 }, (_, i) => i % 7));
    const object = new Map([
      ['whole', flat(1000)],
      ['part', new TensorValue('0', 'FloatStorage', 1000, [3], [1], 500)],
    ]);
    const entry = { name: 'a/data/0', data: new Uint8Array(deflateRawSync(values)), method: 8, size: 4000, crc: 0 };
    const pickle = { name: 'a/data.pkl', data: pickleOf(object), crc: 0 };
    const found = await read(zipOf([pickle, entry]));
    expect(found.part).to.deep.equal({ shape: [3], data: [3, 4, 5] });
    expect((found.whole as { data: number[] }).data).to.deep.equal([...new Float32Array(values.buffer)]);
    const lying = zipOf([
      { ...pickle, data: pickleOf(new Map([['w', flat(10)]])) },
      { ...entry, size: 40 },
    ]);
    expect((await refusalOf(() => read(lying))).message).to.match(/inflates to more than the 40 bytes/);
  });

  it('inflate an entry once for all its views, whichever entries are read between', async () => {
    const elements = 2 ** 20;
    const entries = ['0', '1', '2', '3'];
    const views = Array.from({ length: 200 }, (_, i) => {
      return [`w${i}`, new TensorValue(entries[i % 4]!, 'FloatStorage', elements, [2], [1], 5 * i)] as const;
    });
    const values = bytesOf(Float32Array.from({ length: elements }, (_, i) => i));
    const data = new Uint8Array(deflateRawSync(values, { level: 1 }));
    const part = (key: string) => ({ name: `a/data/${key}`, data, method: 8, size: values.length, crc: 0 });
    const pickle = { name: 'a/data.pkl', data: pickleOf(new Map(views)), crc: 0 };
    const bytes = zipOf([pickle, ...entries.map(part)]);
    const inner = bytesSource(bytes);
    let total = 0;
    const source = {
      ...inner,
      read: (at: number, length: number) => {
        total += length;
        return inner.read(at, length);
      },
    };
    for (const [i, { entry }] of tensorsOf(await openCheckpoint(source)).entries()) {
      expect([...(await entry.readFloat32()).data]).to.deep.equal([5 * i, 5 * i + 1]);
    }
    expect(total).to.be.below(1.5 * bytes.length);
  });

  it('are refused at every length that they are cut to', async () => {
    const bytes = torchZip(new Map([['w', flat(2)]]), { 0: floats(1, 2) });
    for (let length = 0; length < bytes.length; length++) await refusalOf(() => read(bytes.subarray(0, length)));
  });

  it('name element types that are not read as unsupported, in tensors of newer versions', async () => {
    for (const name of ['uint32', 'uint64', 'float8_e4m3fn', 'float8_e5m2', 'complex32', 'complex64']) {
      const storage = `((X\x07\x00\x00\x00storagectorch\nUntypedStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x08tQ`;
      const rest = `K\x00K\x01\x85K\x01\x85\x89)ctorch\n${name}\ntR`;
      const made = new RawValue(Buffer.from(`ctorch._utils\n_rebuild_tensor_v3\n${storage}${rest}`, 'latin1'));
      const refusal = await refusalOf(() => open(torchZip(new Map([['w', made]]), { 0: new Uint8Array(8) })));
      expect(refusal.code).to.equal('unsupported');
      expect(refusal.message).to.match(new RegExp(`elements of type torch\\.${name} are not read`));
    }
  });

  it('refuse strides that overlap over more of a storage than one window', async () => {
    const elements = 5 * 2 ** 20;
    const view = (shape: number[], strides: number[]) =>
      torchZip(new Map([['w', new TensorValue('0', 'FloatStorage', elements, shape, strides)]]), {
        0: new Uint8Array(4 * elements),
      });
    const refusal = await refusalOf(() => open(view([1000, 768], [2800, 2800])));
    expect(refusal.code).to.equal('unsupported');
    expect(refusal.message).to.match(/size \(1000, 768\) with overlapping strides \(2800, 2800\)/);
    // as large, and read: expanded, transposed, every other row, and rows with gaps between them
    for (const [shape, strides] of [
      [
        [2, elements],
        [0, 1],
      ],
      [
        [1024, 5120],
        [1, 1024],
      ],
      [
        [2560, 1024],
        [2048, 1],
      ],
      [
        [5120, 1000],
        [1024, 1],
      ],
    ] as const) {
      const [tensor] = tensorsOf(await open(view([...shape], [...strides])));
      expect((await tensor!.entry.readFloat32()).data.length).to.equal(shape[0] * shape[1]);
    }
  });

  const shapes: readonly (readonly [string, readonly number[], readonly number[], number, string])[] = [
    ['one element too many', [7], [1], 0, 'malformed'],
    ['an offset past the end', [2], [1], 5, 'malformed'],
    ['a negative stride', [2], [-1], 3, 'malformed'],
    ['fewer strides than sizes', [2, 2], [1], 0, 'malformed'],
    ['a negative size', [-2], [1], 0, 'malformed'],
    ['2^40 elements of stride 0', [2 ** 20, 2 ** 20], [0, 0], 0, 'limit'],
    ['600 dimensions', new Array(600).fill(1), contiguous(new Array(600).fill(1)), 0, 'limit'],
  ];
  for (const [what, shape, strides, offset, code] of shapes) {
    it(`refuse ${what}`, async () => {
      const object = new Map([['w', new TensorValue('0', 'FloatStorage', 6, shape, strides, offset)]]);
      expect((await refusalOf(() => open(torchZip(object, { 0: new Uint8Array(24) })))).code).to.equal(code);
    });
  }
});

describe('PyTorch legacy files', () => {
  const object = new Map([
    ['a', new TensorValue('10', 'FloatStorage', 2, [2], [1], 0, true)],
    ['b', new TensorValue('20', 'LongStorage', 1, [1], [1], 0, true)],
  ]);
  const storages = [
    { key: '10', count: 2, data: floats(1, 2) },
    { key: '20', count: 1, data: bytesOf(BigInt64Array.of(2n ** 60n + 1n)) },
  ];

  it('give each storage at its offset, and exact integers', async () => {
    expect(await read(torchLegacy(object, storages))).to.deep.equal({
      a: { shape: [2], data: [1, 2] },
      b: { shape: [1], data: [2n ** 60n + 1n] },
    });
  });

  it('are refused at every length that they are cut to', async () => {
    const bytes = torchLegacy(object, storages);
    for (let length = 0; length < bytes.length; length++) await refusalOf(() => read(bytes.subarray(0, length)));
  });

  it('are refused if a storage has another size than its tensors say, or is not listed', async () => {
    const wrong = torchLegacy(object, [{ ...storages[0]!, count: 3 }, storages[1]!]);
    expect((await refusalOf(() => open(wrong))).message).to.match(
      /storage "10": it should hold 2 elements, the file says 3/,
    );
    expect((await refusalOf(() => open(torchLegacy(object, [storages[0]!])))).message).to.match(
      /storage "20".*not listed/,
    );
  });

  it('grow the piece that is read until the pickles end', async () => {
    const large = new Map<string, unknown>([['note', 'x'.repeat(400_000)], ...object]);
    expect(Object.keys(await read(torchLegacy(large, storages)))).to.deep.equal(['a', 'b']);
    const refusal = await refusalOf(() => open(torchLegacy(large, storages), { pickleBytes: 300_000 }));
    expect(refusal.code).to.equal('limit');
  });
});

describe('files of other kinds', () => {
  const text = (content: string) => new TextEncoder().encode(content);
  const tar = new Uint8Array(1024);
  tar.set(text('ustar'), 257);
  for (const [what, bytes, message] of [
    ['an HTML page', text('<!DOCTYPE html><html>'), /an HTML page \(a failed download\)/],
    [
      'a git-lfs pointer',
      text('version https://git-lfs.github.com/spec/v1\noid'),
      /git-lfs pointer \(run `git lfs pull`/,
    ],
    ['a tar archive', tar, /this is a tar archive/],
    ['text', text('Not Found'), /this is text that begins "Not Found"/],
    ['nothing', new Uint8Array(0), /this is an empty file/],
    ['a pickle of a number', pickleOf(5), /a Python pickle of a number/],
    ['a gzip file', Uint8Array.of(0x1f, 0x8b, 8), /a gzip file \(unpack it first\)/],
  ] as const) {
    it(`are named: ${what}`, async () => {
      expect((await refusalOf(() => open(bytes))).message).to.match(message);
    });
  }
});
