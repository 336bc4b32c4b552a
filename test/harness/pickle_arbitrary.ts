import fc from 'fast-check';
import { pickleOf, RawValue, TensorValue } from './torch_file.ts';

/** Random pickles: values of every kind in every order, and operations at wrong positions. */

type Bytes = readonly number[];

const operations = (...bytes: Bytes): fc.Arbitrary<Bytes> => fc.constant(bytes);
/** Returns a value's operations, without the protocol in front and the end behind. */
const pushing = (value: unknown): Bytes => [...pickleOf(value)].slice(2, -1);
const line = (text: string): Bytes => [...new TextEncoder().encode(`${text}\n`)];
const raw = (bytes: Bytes) => new RawValue(Uint8Array.from(bytes));

const callees = [
  ...['collections\nOrderedDict', 'collections\ndefaultdict', 'builtins\nlist', 'builtins\nset', 'builtins\nobject'],
  ...['_codecs\nencode', 'copyreg\n_reconstructor', 'numpy.core.multiarray\nscalar', 'numpy\ndtype', 'torch\nSize'],
  ...['argparse\nNamespace', 'torch\nfloat32', 'torch\nFloatStorage', 'torch.nn.parameter\nParameter', 'os\nsystem'],
  ...['torch._utils\n_rebuild_tensor_v2', 'torch._utils\n_rebuild_parameter', 'torch._tensor\n_rebuild_from_type_v2'],
  ...['torch._utils\n_rebuild_tensor_v3', '__proto__\nconstructor', 'torch\nUntypedStorage'],
].map((name): Bytes => [0x63, ...line(name)]);

const extent = fc.oneof({ weight: 9, arbitrary: fc.nat(5) }, fc.constantFrom(-1, 0.5, 2 ** 31 - 1, 2 ** 53, true, 'x'));
const extents = fc.array(extent, { maxLength: 4 });

function tensorOf(legacy: boolean): fc.Arbitrary<Bytes> {
  return fc
    .record({
      storage: fc.constantFrom('0', '1', '2', '../0', '__proto__'),
      type: fc.constantFrom('FloatStorage', 'HalfStorage', 'LongStorage', 'BoolStorage', 'QInt8Storage'),
      count: fc.constantFrom(12, 6, 24, 0),
      shape: extents,
      strides: fc.option(extents, { nil: undefined }),
      offset: fc.nat(13),
    })
    .map(({ storage, type, count, shape, strides, offset }) =>
      // casts at the border: sizes may be anything here
      pushing(
        new TensorValue(storage, type, count, shape as number[], strides as number[] | undefined, offset, legacy),
      ),
    );
}

const atom: fc.Arbitrary<Bytes> = fc.oneof(
  fc.constantFrom<Bytes>(...[null, true, false, 0, 1, -1, 255, 0.5, 2n ** 70n, '', 'a'].map(pushing)),
  fc.string({ unit: 'binary', maxLength: 6 }).map(pushing),
  fc.constantFrom(...callees),
  fc.nat(6).map((slot): Bytes => [0x68, slot]),
  operations(0x7d),
  operations(0x5d),
  operations(0x29),
  operations(0x8f),
);

/** A single operation at a wrong position, whatever is on the stack. */
const stray: fc.Arbitrary<Bytes> = fc.oneof(
  fc
    .constantFrom(...'(012asubetlod\x85\x86\x87\x90\x91\x93\x81\x92\x94QRN')
    .map((character): Bytes => [character.charCodeAt(0)]),
  fc.array(fc.nat(255), { minLength: 1, maxLength: 6 }),
);

function anyValue(legacy: boolean): fc.Arbitrary<Bytes> {
  const { value } = fc.letrec<{ value: Bytes; items: Bytes[] }>((tie) => ({
    items: fc.array(tie('value'), { maxLength: 5, depthIdentifier: 'pickle' }),
    value: fc.oneof(
      { depthIdentifier: 'pickle', maxDepth: 6, withCrossShrink: true },
      { weight: 4, arbitrary: atom },
      { weight: 2, arbitrary: tensorOf(legacy) },
      // list, tuple, dict, set; a dict needs its values in pairs
      { weight: 3, arbitrary: tie('items').map((items): Bytes => [0x5d, 0x28, ...items.flat(), 0x65]) },
      { weight: 2, arbitrary: tie('items').map((items): Bytes => [0x28, ...items.flat(), 0x74]) },
      {
        weight: 3,
        arbitrary: tie('items').map((items): Bytes => [0x7d, 0x28, ...items.flat(), ...items.flat(), 0x75]),
      },
      { weight: 1, arbitrary: tie('items').map((items): Bytes => [0x28, ...items.flat(), 0x91]) },
      // name(arguments), then perhaps a state
      {
        weight: 3,
        arbitrary: fc
          .tuple(fc.constantFrom(...callees), tie('items'), fc.option(tie('value')))
          .map(
            ([name, items, state]): Bytes => [
              ...[...name, 0x28, ...items.flat(), 0x74, 0x52],
              ...(state ? [...state, 0x62] : []),
            ],
          ),
      },
      { weight: 1, arbitrary: fc.tuple(tie('value'), fc.nat(6)).map(([made, slot]): Bytes => [...made, 0x71, slot]) },
      { weight: 1, arbitrary: fc.tuple(tie('value'), stray).map(([made, odd]): Bytes => [...made, ...odd]) },
      { weight: 1, arbitrary: tie('value').map((id): Bytes => [...id, 0x51]) },
    ),
  }));
  return value;
}

/** Makes pickles. Most are in a dict beside a tensor, since a file without one is refused early. */
function pickles(legacy: boolean): fc.Arbitrary<Uint8Array> {
  const good = pushing(new TensorValue('0', 'FloatStorage', 12, [12], undefined, 0, legacy));
  const value = anyValue(legacy);
  return fc
    .tuple(fc.array(fc.tuple(fc.string({ maxLength: 3 }), value), { maxLength: 4 }), fc.integer({ min: 0, max: 9 }))
    .map(([entries, wrapped]) => {
      if (wrapped === 0) return Uint8Array.from(entries.flatMap(([, made]) => made));
      const items = entries.map(([key, made]) => [key, raw(made)] as const);
      return Uint8Array.from(pushing(new Map<string, unknown>([['good', raw(good)], ...items])));
    });
}

export const pickleArbitrary = pickles(false);
export const legacyPickleArbitrary = pickles(true);
