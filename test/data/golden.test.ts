import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { casesOf, foldersFrom } from '../harness/golden/cases.ts';
import { shippedGolden } from '../harness/golden.ts';

/** Tiny data sets as the tools of each layout write them, with what reading them gives. */

const shared = fileURLToPath(new URL('../../../shared/golden', import.meta.url));
const folders = foldersFrom(process.env.MOGANET_GOLDEN, shared).filter((folder) =>
  existsSync(join(folder, 'index.json')),
);

for (const folder of [shippedGolden, ...folders]) {
  describe(`the golden data sets of ${folder}`, () => {
    const cases = casesOf(folder).filter(({ kind }) => kind === 'dataset');
    for (const one of cases) it(`are read: ${one.name}`, () => one.run());
  });
}

describe('the shipped golden data sets', () => {
  it('cover seven layouts', () => {
    const names = casesOf(shippedGolden).flatMap(({ kind, name }) => (kind === 'dataset' ? name : []));
    expect(names).to.include.members(
      ['coco', 'voc', 'labelme5', 'yolo_faulty', 'cvat_xml', 'ade20k', 'segment_folders'].map(
        (name) => `dataset_${name}`,
      ),
    );
  });
});
