import { Finding, type Fuzzer } from './index.ts';

/** A reader with every kind of fault, for the test of `watchedFuzz`. */

const outcomes: readonly (() => 'read' | 'refused')[] = [
  () => 'refused',
  () => {
    for (;;);
  },
  () => {
    throw new Finding('an error that is not a refusal: TypeError: oops');
  },
  () => 'read',
  () => {
    throw new Finding('a wrong value: it is 4');
  },
  () => 'read',
];

export const readers: Readonly<Record<string, Fuzzer>> = {
  faulty: { input: (_, i) => Uint8Array.of(i), run: async (_, i) => outcomes[i]!() },
};
