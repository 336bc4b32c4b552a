import type { Random } from '../mutations.ts';

/**
 * Changes to pickles that know its operations, for faults that changed bytes hardly ever find: values inside values,
 * values that contain themselves, and few bytes that ask for much.
 */

/** Bytes of the argument of each operation; `line` for text up to a line feed, `u8`, `u32` for a length in front. */
const argumentForms: Readonly<Record<string, number | 'line' | 'lines' | 'u8' | 'u32' | 'u64'>> = {
  '\x80': 1,
  '\x95': 8,
  K: 1,
  M: 2,
  J: 4,
  G: 8,
  q: 1,
  h: 1,
  r: 4,
  j: 4,
  I: 'line',
  L: 'line',
  F: 'line',
  p: 'line',
  g: 'line',
  c: 'lines',
  i: 'lines',
  '\x8a': 'u8',
  '\x8b': 'u32',
  X: 'u32',
  B: 'u32',
  T: 'u32',
  U: 'u8',
  C: 'u8',
  '\x8c': 'u8',
  '\x8d': 'u64',
  '\x8e': 'u64',
  '\x96': 'u64',
};

/** Splits a pickle into its operations, each with its argument. */
export function operationsOf(pickle: string): string[] {
  const operations: string[] = [];
  for (let at = 0; at < pickle.length; ) {
    const form = argumentForms[pickle.charAt(at)] ?? 0;
    let end = at + 1;
    if (typeof form === 'number') end += form;
    else if (form === 'line') end = pickle.indexOf('\n', end) + 1;
    else if (form === 'lines') end = pickle.indexOf('\n', pickle.indexOf('\n', end) + 1) + 1;
    else {
      const width = { u8: 1, u32: 4, u64: 8 }[form];
      // lengths of the files here are below 2^16
      const length = pickle.charCodeAt(end) + (width > 1 ? 256 * pickle.charCodeAt(end + 1) : 0);
      end += width + length;
    }
    operations.push(pickle.slice(at, end));
    at = end;
  }
  return operations;
}

const record = 'cargparse\nNamespace\n)R';
const own = 'cmy.project\nClass\n)\x81';
const text = (content: string) => `X${String.fromCharCode(content.length)}\0\0\0${content}`;

/** Operations that put a value around the one on the stack. */
const around: readonly (readonly [before: string, after: string])[] = [
  ['', '\x85'],
  ['', '2\x86'],
  ['(', 't'],
  [']', 'a'],
  [`}${text('a')}`, 's'],
  [record, 'b'],
  [own, 'b'],
  ['ccopyreg\n__newobj__\n', '\x85R'],
  ['ctorch\nSize\n', '\x85R'],
  ['cbuiltins\nset\n', '\x85R'],
  ['cfunctools\npartial\n', '\x85R'],
  ['cbuiltins\ngetattr\n', `${text('name')}\x86R`],
  ['ctorch._tensor\n_rebuild_from_type_v2\ncctorch\nTensor\n', 'N\x87R'],
];

/** Values that are there to be repeated: each costs a byte or two. */
const cheap = [
  '}',
  ']',
  ')',
  '(',
  '\x8f',
  'N',
  'C\0',
  '\x8c\0',
  '2\x86',
  '\x85',
  '\x94',
  `${own}`,
  `${record}`,
  'h\0\x85',
  'ccollections\nOrderedDict\n)R',
];

/** Values that refer to themselves, of each kind of container. */
const selves = [
  ']q\x07h\x07a',
  `}q\x07${text('a')}h\x07s`,
  `${record}q\x07h\x07b`,
  `${record}q\x07}${text('a')}h\x07sb`,
  `${own}q\x07(${text('a')}h\x07u`,
  `${own}q\x07(h\x07e`,
  '(]q\x07h\x07at',
];

const bigInteger = (random: Random): string =>
  random(2) ? `\x8b\xff\x03\0\0${'\x7f'.repeat(1023)}` : `L${'9'.repeat(1 + random(4000))}L\n`;

/** Copies a remembered list, set or text as often as a few bytes each. */
function copies(random: Random): string {
  const size = 10 ** (1 + random(5));
  const callee = ['torch\nSize', 'builtins\nlist', 'builtins\nset', 'collections\nCounter', 'collections\ndeque'][
    random(5)
  ];
  const calls = 10 ** (1 + random(3));
  return `(${'N'.repeat(size)}lq\x070c${callee}\nq\x080(${'h\x08h\x07\x85R'.repeat(calls)}t`;
}

/** Doubles a tuple until its text would not fit anywhere, and uses it where text is wanted. */
function doubled(random: Random): string {
  const tuple = `N${'2\x86'.repeat(1 + random(60))}`;
  return [
    tuple,
    `}${tuple}q\x07Ns`,
    `}(${tuple}q\x07Nh\x07Nu`,
    `c_codecs\nencode\n${text('a')}${tuple}\x86R`,
    `cbuiltins\ngetattr\ncmy.project\nClass\n${tuple}\x86R`,
    `cmy.project\nClass\n${tuple}R`,
  ][random(6)]!;
}

/** Few inputs are large: each takes a tenth of a second. */
const times = (random: Random): number => (random(12) === 0 ? 500_000 + random(1_500_000) : 1 + random(3000));

/** The same operations many times, up to some megabytes. */
function often(random: Random): string {
  const part = cheap[random(cheap.length)]!;
  return part.repeat(Math.min(times(random), Math.floor(4e6 / part.length)));
}

type Change = (random: Random) => string;

/** Makes a value that is put beside, or in place of, another. */
const values: readonly Change[] = [
  often,
  (random) => `(${often(random)}l`,
  (random) => selves[random(selves.length)]!,
  (random) => {
    const [before, after] = around[random(around.length)]!;
    const depth = times(random);
    return `${before.repeat(Math.min(depth, 20_000))}N${after.repeat(Math.min(depth, 20_000))}`;
  },
  bigInteger,
  copies,
  doubled,
];

/** Changes the operations of a pickle. `pickle` has one character per byte, and so has the result. */
export function restructured(pickle: string, random: Random): string {
  const operations = operationsOf(pickle);
  for (let changes = 1 + (random(3) === 0 ? random(3) : 0); changes > 0; changes--) {
    const at = 1 + random(operations.length - 1);
    const value = () => values[random(values.length)]!(random);
    switch (random(8)) {
      case 0: // a value and nothing else: in the middle of a dict it is a key
        operations.splice(at, 0, value());
        break;
      case 1: // a further entry, if this is inside a dict
        operations.splice(at, 0, text('k'), value());
        break;
      case 2: // around what is on the stack here
        operations.splice(at, 0, around[random(around.length)]![1].repeat(1 + random(50)));
        break;
      case 3: // some operations once more
        operations.splice(at, 0, ...operations.slice(at, at + 1 + random(4)).flatMap((one) => [one, one]));
        break;
      default: // a key and a value at the end of the outermost dict: nothing else is wrong
        operations.splice(-2, 0, text(['meta', 'epoch', 'state_dict', 'x'][random(4)]!), value());
    }
  }
  return operations.join('');
}
