import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { engines, useEngine } from '../engines.ts';
import { openCase, shippedGolden } from '../golden.ts';
import { networkRunners } from './networks.ts';

interface IndexEntry {
  readonly case: string;
  readonly type?: string;
  readonly kind?: string;
  readonly params?: number;
}

export function casesIn(folder: string): IndexEntry[] {
  const { cases } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as { cases: IndexEntry[] };
  return cases.filter(({ type, kind }) => kind === 'resize' || type === 'forward' || type === 'trace');
}

/** The cpu backend is about a hundred times slower than the others. */
const isSmall = ({ params = 0 }: IndexEntry): boolean => params < 3e5;

export interface NetworkSet {
  readonly title: string;
  readonly folder: string;
  readonly cases: readonly IndexEntry[];
}

/** Weights of larger networks take seconds to make. */
const isQuick = ({ params = 0 }: IndexEntry): boolean => params < 6e6;

const shipped = { title: 'shipped', folder: shippedGolden };

/** The shipped networks of at most six million parameters, and the resizes among the shipped heads. */
export const quickSets: readonly NetworkSet[] = [
  { ...shipped, cases: casesIn(shippedGolden).filter(isQuick) },
  { title: 'shipped heads', folder: join(shippedGolden, 'heads'), cases: [{ case: 'resize', kind: 'resize' }] },
];

/** The other shipped networks. */
export const largeSets: readonly NetworkSet[] = [
  { ...shipped, cases: casesIn(shippedGolden).filter((entry) => !isQuick(entry)) },
];

/** Tests every network of the sets on every engine, as recorded and optimised. */
export function describeNetworks(sets: readonly NetworkSet[]): void {
  for (const [name, start] of Object.entries(engines)) {
    describe(`networks on the engine ${name}`, () => {
      const here = useEngine(start);

      for (const { title, folder, cases } of sets) {
        for (const entry of cases.filter((each) => name !== 'cpu' || isSmall(each))) {
          it(`give the numbers of ${entry.case} (${title})`, async () => {
            const golden = await openCase(folder, entry.case);
            let compared = 0;
            await networkRunners(here.engine, () => compared++)[golden.kind]!(golden);
            expect(compared).to.be.at.least(golden.tensors.size);
          });
        }
      }
    });
  }
}
