import { crc32, deflateRawSync } from 'node:zlib';
import { CallValue, pickleOf, RawValue, TensorValue, zipOf } from './torch_file.ts';

/** Small files that ask for much: what tests and fuzzer begin with. */

/** `count` copies of the same operations, one character per byte. */
export const repeated = (count: number, part: string, before = '', after = ''): RawValue =>
  new RawValue(
    Buffer.concat([
      Buffer.from(before, 'latin1'),
      Buffer.alloc(count * part.length, part, 'latin1'),
      Buffer.from(after, 'latin1'),
    ]),
  );

const operations = (text: string): RawValue => repeated(0, '', text);
const named = (module: string, name: string): string => `c${module}\n${name}\n`;

/** A tuple of two equal tuples of two equal tuples …: its text has 2^levels words. */
export const doubledTuple = (levels: number): RawValue => repeated(levels, '2\x86', 'N');

/** A file of torch.save whose entries are deflated. */
export function deflatedZip(object: unknown, storage: Uint8Array = new Uint8Array(4)): Uint8Array {
  const deflated = (name: string, content: Uint8Array) => ({
    name: `a/${name}`,
    data: new Uint8Array(deflateRawSync(content)),
    method: 8,
    size: content.length,
    crc: crc32(content),
  });
  return zipOf([deflated('data.pkl', pickleOf(object)), deflated('data/0', storage)]);
}

const weight = new TensorValue('0', 'FloatStorage', 1, [1]);

/** A file with one good tensor, and a value beside it. */
const beside = (value: unknown, key = 'x'): Uint8Array =>
  deflatedZip(
    new Map<unknown, unknown>([
      ['w', weight],
      [key, value],
    ]),
  );

/** A list of the same operations many times over. */
const many = (count: number, part: string, before = ''): Uint8Array => beside(repeated(count, part, `${before}(`, 'l'));

/** A list of a million is remembered; each call copies it. */
const copies = (module: string, name: string): Uint8Array =>
  many(3000, 'h\x01h\x00\x85R', `(${'N'.repeat(1_000_000)}lq\x000${named(module, name)}q\x010`);

/** Operations around None, as deep as often. */
const nested = (levels: number, before: string, after: string): RawValue =>
  operations(`${before.repeat(levels)}N${after.repeat(levels)}`);

const record = `${named('argparse', 'Namespace')})R`;
const typed = `${named('torch._tensor', '_rebuild_from_type_v2')}q\x010${named('torch', 'Tensor')}q\x020`;
const newObject = named('copyreg', '__newobj__');
const storageElements = 15_728_640;

export interface HostileFile {
  readonly what: string;
  readonly bytes: () => Uint8Array;
  /** Weights are read if what is hostile lies beside them and costs nothing. */
  readonly isRead: boolean;
}

const refused = (what: string, bytes: () => Uint8Array): HostileFile => ({ what, bytes, isRead: false });
const read = (what: string, bytes: () => Uint8Array): HostileFile => ({ what, bytes, isRead: true });

export const hostileFiles: readonly HostileFile[] = [
  // text that grows exponentially
  refused('a key of 2^40 words that is given twice', () => beside(repeated(40, '2\x86', '}(N', 'q\x00Nh\x00Nu'))),
  refused('pairs whose key of 2^40 words is given twice', () =>
    beside(repeated(40, '2\x86', `${named('collections', 'OrderedDict')}(]N`, 'q\x00N\x86ah\x00N\x86atR')),
  ),
  read('a key of 2^40 words in the metadata', () => beside(new Map([[doubledTuple(40), 1]]), 'meta')),
  refused('an encoding of 2^40 words', () => beside(new CallValue('_codecs', 'encode', ['a', doubledTuple(40)]))),
  refused('a legacy protocol of 2^40 words', () =>
    Buffer.concat([pickleOf(0x1950a86a20f9469cfc6cn), pickleOf(doubledTuple(40))]),
  ),

  // objects that cost a byte each
  refused('9 million dicts', () => many(9_000_000, '}')),
  refused('9 million lists', () => many(9_000_000, ']')),
  refused('9 million sets', () => many(9_000_000, '\x8f')),
  refused('9 million marks', () => many(9_000_000, '(')),
  refused('9 million values', () => many(9_000_000, 'N')),
  refused('9 million empty tuples', () => many(9_000_000, ')')),
  refused('4 million tuples', () => many(4_000_000, 'N\x85')),
  refused('3 million empty bytes', () => many(3_000_000, 'C\x00')),
  refused('3 million empty texts', () => many(3_000_000, '\x8c\x00')),
  refused('3 million floats', () => many(3_000_000, 'G\x3f\xf0\x00\x00\x00\x00\x00\x01')),
  refused('6 million remembered values', () => many(6_000_000, 'N\x94')),
  refused('2.4 million Counters', () => many(2_400_000, 'h\x01)R', `${named('collections', 'Counter')}q\x010`)),
  refused('2.4 million OrderedDicts', () => many(2_400_000, 'h\x01)R', `${named('collections', 'OrderedDict')}q\x010`)),
  refused('a million records that are dicts and lists', () =>
    many(1_000_000, 'h\x01)R(NNu(Ne', `${named('my.project', 'Both')}q\x010`),
  ),
  ...['torch Size', 'builtins list', 'builtins tuple', 'builtins set'].map((name) => {
    const [module = '', callee = ''] = name.split(' ');
    return refused(`3,000 copies of a list of a million by ${name}`, () => copies(module, callee));
  }),
  refused('a tensor of a million dimensions, 3,000 times', () =>
    many(
      3000,
      `h\x01((X\x07\x00\x00\x00storage${named('torch', 'FloatStorage')}X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00h\x00h\x00\x89NtR`,
      `(${'K\x01'.repeat(1_000_000)}tq\x000${named('torch._utils', '_rebuild_tensor_v2')}q\x010`,
    ),
  ),
  read('30,000 integers of a kilobyte', () => many(30_000, `\x8b\x00\x04\x00\x00${'\x7f'.repeat(1024)}`)),

  // depth
  read('a state that is its own', () => beside(operations(`${record}q\x00h\x00b`))),
  read('a record in its own state', () => beside(operations(`${record}q\x00}X\x01\x00\x00\x00ah\x00sb`))),
  read('states 20,000 deep', () => beside(nested(20_000, record, 'b'))),
  refused('tuples 20,000 deep', () => beside(nested(20_000, '(', 't'))),
  refused('lists 20,000 deep in the metadata', () => beside(new Map([['a', nested(20_000, ']', 'a')]]), 'meta')),
  refused('tensors of a class, made of each other 20,000 deep', () =>
    beside(repeated(20_000, 'q\x030(h\x01h\x02h\x03Nt', `${typed})`, 'q\x030h\x01h\x03R')),
  ),
  refused('new objects of themselves', () => beside(repeated(20_000, 'h\x01', `${newObject}q\x01(`, 'tR'))),
  refused('attributes of attributes 20,000 deep', () =>
    beside(
      repeated(
        20_000,
        'q\x030h\x02h\x03X\x01\x00\x00\x00a\x86R',
        `${named('builtins', 'getattr')}q\x020${named('my.project', 'Class')}`,
      ),
    ),
  ),

  // work
  refused('overlapping strides over 60 MB', () =>
    deflatedZip(
      new Map([['w', new TensorValue('0', 'FloatStorage', storageElements, [1000, 768], [5462, 5462])]]),
      new Uint8Array(4 * storageElements),
    ),
  ),
];
