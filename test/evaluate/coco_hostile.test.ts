import { expect } from 'chai';
import fc from 'fast-check';
import { parseCocoFile, parseCocoResults } from '../../src/data/coco_json.ts';
import { DataError } from '../../src/errors.ts';
import { evaluateCoco } from '../../src/evaluate/coco.ts';
import { cocoTypes } from '../../src/evaluate/coco_parameters.ts';

/** Whatever is written into a field: files are refused, or evaluated to numbers. */

const keypoints = [1, 1, 2, 5, 5, 1];
const shape = { bbox: [1, 1, 6, 5], segmentation: [[1, 1, 7, 1, 7, 6, 1, 6]], keypoints };
const labels = {
  images: [
    { id: 1, file_name: 'a.png', height: 9, width: 9 },
    { id: 2, file_name: 'b.png', height: 9, width: 9 },
  ],
  categories: [
    { id: 1, name: 'a', keypoints: ['x', 'y'], skeleton: [[1, 2]] },
    { id: 2, name: 'b' },
  ],
  annotations: [
    { id: 1, image_id: 1, category_id: 1, area: 30, iscrowd: 0, num_keypoints: 2, ...shape },
    {
      id: 2,
      image_id: 2,
      category_id: 2,
      area: 4,
      iscrowd: 1,
      num_keypoints: 2,
      ...shape,
      segmentation: { size: [9, 9], counts: [0, 4, 77] },
    },
  ],
};
const results = [
  { image_id: 1, category_id: 1, score: 0.5, ...shape },
  { image_id: 2, category_id: 2, score: 0.4, ...shape, segmentation: { size: [9, 9], counts: '04]2' } },
];

const hostile = fc.constantFrom<unknown>(
  null,
  undefined,
  true,
  '',
  'text',
  '__proto__',
  0,
  -1,
  0.5,
  1e308,
  -1e9,
  2 ** 31,
  2 ** 60,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  [],
  [[]],
  [[[]]],
  [0, 0, 0, 0],
  {},
  { size: [3, 3], counts: [9] },
  { size: [2 ** 40, 2 ** 40], counts: '' },
  JSON.parse('{"__proto__": {"polluted": 1}}'),
);

type Path = readonly (string | number)[];

/** Lists every place in a value. */
function pathsIn(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, item]) => pathsIn(item, [...path, key]))];
}

function replaced(value: unknown, [key, ...rest]: Path, by: unknown): unknown {
  if (key === undefined) return by;
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string, unknown>;
  copy[key] = replaced(copy[key], rest, by);
  return copy;
}

const edits = (value: unknown) => fc.record({ path: fc.constantFrom(...pathsIn(value)), by: hostile });

/** Returns the figures, or undefined if the files were refused. */
function figures(truth: unknown, found: unknown, type: (typeof cocoTypes)[number]): readonly number[] | undefined {
  try {
    const { file } = parseCocoFile(truth, 'labels.json', { faults: 'report' });
    return evaluateCoco(file, parseCocoResults(found, 'results.json'), { type, sigmas: [0.1, 0.1] }).stats;
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return undefined;
  }
}

describe('COCO files with a hostile value anywhere', () => {
  it('are evaluated as they are without one', () => {
    for (const type of cocoTypes) expect(figures(labels, results, type)?.[0], type).to.be.closeTo(1, 1e-9);
  });

  it('are refused by a DataError, or give figures that are numbers', () => {
    const outcomes = { refused: 0, evaluated: 0 };
    const check = fc.property(
      fc.array(edits(labels), { maxLength: 2 }),
      fc.array(edits(results), { maxLength: 1 }),
      fc.constantFrom(...cocoTypes),
      (ofLabels, ofResults, type) => {
        const edited = (value: unknown, list: typeof ofLabels) =>
          list.reduce(
            (changed, { path, by }) => (isThere(changed, path) ? replaced(changed, path, by) : changed),
            value,
          );
        const stats = figures(edited(labels, ofLabels), edited(results, ofResults), type);
        outcomes[stats ? 'evaluated' : 'refused']++;
        expect(stats?.every((figure) => figure >= -1 && figure <= 1) ?? true, `${stats}`).to.equal(true);
      },
    );
    fc.assert(check, { numRuns: 1500 });
    expect(outcomes.refused).to.be.greaterThan(100);
    expect(outcomes.evaluated).to.be.greaterThan(100);
    expect(({} as { polluted?: unknown }).polluted).to.equal(undefined);
  });
});

/** An edit may have taken away what the next one is for. */
function isThere(value: unknown, path: Path): boolean {
  return (
    path.length === 0 ||
    (typeof value === 'object' && value !== null && isThere((value as never)[path[0]!], path.slice(1)))
  );
}
