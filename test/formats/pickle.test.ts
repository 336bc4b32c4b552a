import { expect } from 'chai';
import { CheckpointRefusal, checkpointContext } from '../../src/formats/context.ts';
import { numbersOf } from '../../src/formats/numpy_array.ts';
import { unpickle } from '../../src/formats/pickle.ts';
import { pythonGlobals } from '../../src/formats/pickle_globals.ts';
import { PickleLedger } from '../../src/formats/pickle_machine.ts';
import { PickleEnd } from '../../src/formats/pickle_reader.ts';
import { PickleObject } from '../../src/formats/pickle_values.ts';
import { CallValue, pickleOf, TupleValue } from '../harness/torch_file.ts';

const run = (bytes: Uint8Array, limits = {}) =>
  unpickle(bytes, 0, {
    context: checkpointContext('f', limits),
    place: 'p',
    globals: pythonGlobals,
    ledger: new PickleLedger(),
  }).value;
/** A pickle by its bytes: text for opcodes, numbers for the rest. */
const program = (...parts: readonly (string | number)[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part].map((c) => c.charCodeAt(0)))));
const code = (bytes: Uint8Array, limits = {}) => {
  try {
    run(bytes, limits);
  } catch (error) {
    if (error instanceof CheckpointRefusal) return error.code;
    if (error instanceof PickleEnd) return 'end';
    throw error;
  }
  return 'read';
};

describe('the unpickler', () => {
  it('builds dicts as Maps, lists as arrays, tuples as frozen arrays', () => {
    const value = run(
      pickleOf(
        new Map<unknown, unknown>([
          ['a', [1, -2, 0.5]],
          [3, new TupleValue(true, null)],
        ]),
      ),
    );
    expect(value).to.deep.equal(
      new Map<unknown, unknown>([
        ['a', [1, -2, 0.5]],
        [3, [true, null]],
      ]),
    );
    const map = value as Map<unknown, unknown>;
    expect([Object.isFrozen(map.get('a')), Object.isFrozen(map.get(3))]).to.deep.equal([false, true]);
  });

  it('keeps integers exact, as bigint beyond 2^53', () => {
    for (const n of [2n ** 53n, -(2n ** 63n), 2n ** 31n]) expect(BigInt(run(pickleOf(n)) as number)).to.equal(n);
    expect(run(pickleOf(2n ** 31n))).to.be.a('number');
    expect(run(pickleOf(2n ** 53n))).to.be.a('bigint');
    expect(run(program('L-123456789012345678901L\n.'))).to.equal(-123456789012345678901n);
  });

  it('keeps names out of prototypes', () => {
    const value = run(pickleOf(new Map([['__proto__', new Map([['polluted', true]])]])));
    expect((value as Map<string, unknown>).get('__proto__')).to.be.instanceOf(Map);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });

  it('reads protocol 4: memoised names by STACK_GLOBAL', () => {
    const module = program(0x8c, 11, 'collections', 0x94);
    const bytes = program(0x80, 4, ...module, 0x8c, 11, 'OrderedDict', 0x94, 0x93, ')R.');
    expect(run(bytes)).to.deep.equal(new Map());
  });

  it('remembers values under any numbers, and None as any other', () => {
    // 0 and 1 in order, 7 before 3, 0 again
    const bytes = program('(K', 10, 'q', 0, 'Nq', 1, 'K', 17, 'q', 7, 'K', 13, 'q', 3, 'K', 20, 'q', 0, '1');
    const taken = program('(h', 0, 'h', 1, 'h', 3, 'h', 7, 't.');
    expect(run(Uint8Array.from([...bytes, ...taken]))).to.deep.equal([20, null, 13, 17]);
    // MEMOIZE takes the number of the values so far
    expect(run(program('(K', 1, 'q', 5, 'K', 2, 0x94, '1(h', 1, 'h', 5, 't.'))).to.deep.equal([2, 1]);
  });

  it('turns NumPy scalars into numbers', () => {
    const dtype = new CallValue('numpy', 'dtype', ['f8', false, true]);
    const raw = String.fromCharCode(...new Uint8Array(Float64Array.of(-2.5).buffer));
    const scalar = new CallValue('numpy.core.multiarray', 'scalar', [
      dtype,
      new CallValue('_codecs', 'encode', [raw, 'latin1']),
    ]);
    expect(run(pickleOf(scalar))).to.equal(-2.5);
  });

  describe('leaves arrays of NumPy as records, whose numbers', () => {
    const arrayOf = (type: string, shape: readonly number[], bytes: ArrayBuffer, fortran = false, order = '<') => {
      const dtype = new CallValue('numpy', 'dtype', [type, false, true], new TupleValue(3, order, null, null, null));
      const raw = new CallValue('_codecs', 'encode', [String.fromCharCode(...new Uint8Array(bytes)), 'latin1']);
      const empty = [null, new TupleValue(0), 'b'];
      const state = new TupleValue(1, new TupleValue(...shape), dtype, fortran, raw);
      const record = run(pickleOf(new CallValue('numpy._core.multiarray', '_reconstruct', empty, state)));
      return record instanceof PickleObject ? numbersOf(record) : record;
    };
    const six = Float32Array.of(1, 2, 3, 4, 5, 6).buffer;

    it('are nested lists by shape and order', () => {
      expect(arrayOf('f4', [6], six)).to.deep.equal([1, 2, 3, 4, 5, 6]);
      // biome-ignore format: rows
      expect(arrayOf('f4', [2, 3], six)).to.deep.equal([[1, 2, 3], [4, 5, 6]]);
      // biome-ignore format: rows
      expect(arrayOf('f4', [2, 3], six, true)).to.deep.equal([[1, 3, 5], [2, 4, 6]]);
      expect(arrayOf('b1', [2], Uint8Array.of(1, 0).buffer, false, '|')).to.deep.equal([true, false]);
      expect(arrayOf('f4', [0], new ArrayBuffer(0))).to.deep.equal([]);
    });

    it('are not read if array and bytes do not agree, or nobody would write them', () => {
      expect(arrayOf('f4', [7], six)).to.equal(undefined);
      expect(arrayOf('f4', [6], six, false, '>')).to.equal(undefined);
      expect(arrayOf('f2', [6], six)).to.equal(undefined);
      expect(arrayOf('f4', [-6], six)).to.equal(undefined);
      expect(arrayOf('f4', [1, 1, 1, 1, 6], six)).to.equal(undefined);
      expect(arrayOf('f4', [1e9, 0], new ArrayBuffer(0))).to.deep.equal([]);
      expect(arrayOf('u1', [4097], new ArrayBuffer(4097))).to.equal(undefined);
      expect(arrayOf('u1', [4096], new ArrayBuffer(4096))).to.have.length(4096);
    });
  });

  const cases: readonly (readonly [string, Uint8Array, string, object?])[] = [
    ['an unknown operation', program(0x80, 2, 0xff), 'malformed'],
    ['an unknown protocol', program(0x80, 99, 'N.'), 'unsupported'],
    ['a stack that is empty', program('R.'), 'malformed'],
    ['a mark that is missing', program('N}u.'), 'malformed'],
    ['a key without value', program('}(Nu.'), 'malformed'],
    ['a key given twice', program('}(K', 1, 'NK', 1, 'Nu.'), 'malformed'],
    ['a dict as a key', program('}(}Nu.'), 'malformed'],
    ['an append to a tuple', program(')Na.'), 'malformed'],
    ['a state for a number', program('K', 1, '}b.'), 'malformed'],
    ['a memo entry that is not there', program('h', 5, '.'), 'malformed'],
    ['values left over', program('NN.'), 'malformed'],
    ['a length past the end', program('X', 255, 255, 255, 255, 'a.'), 'end'],
    ['a length near 2^64', program(0x8e, ...new Array(8).fill(255), '.'), 'end'],
    ['a negative length', program(0x8b, 255, 255, 255, 255, '.'), 'malformed'],
    ['text that is not UTF-8', program('X', 1, 0, 0, 0, 0xff, '.'), 'malformed'],
    ['no end', program('N'), 'end'],
    ['an integer beyond the limit', program(0x8a, 200, ...new Array(200).fill(1), '.'), 'limit', { integerBytes: 100 }],
    ['too many operations', program('N0N0N0N.'), 'limit', { opcodes: 5 }],
    ['too much memory', program('Nq', 0, 'q', 1, 'q', 2, '.'), 'limit', { memo: 2 }],
    ['a call of a value', program('K', 1, ')R.'), 'malformed'],
    ['out-of-band buffers', program(0x97, '.'), 'unsupported'],
    ['a storage where none belongs', program(')Q.'), 'malformed'],
    ['an unknown name', program('cos\nsystem\n.'), 'forbidden-global'],
    ['a name that is only a word, called', program('cbuiltins\nint\n)R.'), 'forbidden-global'],
  ];
  for (const [what, bytes, expected, limits] of cases) {
    it(`refuses ${what}`, () => {
      expect(code(bytes, limits)).to.equal(expected);
    });
  }

  it('counts the values of builders, since a memo repeats them cheaply', () => {
    // a list of 1,000 values, and a hundred dict-free copies of it made by list(...)
    const list = new Array(1000).fill(null);
    const copies = Array.from({ length: 100 }, () => new CallValue('builtins', 'list', [list]));
    expect(code(pickleOf(copies), { pickleBytes: 400_000 })).to.equal('limit');
    expect(code(pickleOf(copies))).to.equal('read');
  });
});
