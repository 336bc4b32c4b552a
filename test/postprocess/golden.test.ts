import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { UnsupportedError } from '../../src/errors.ts';
import { runners } from '../harness/golden/postprocess.ts';
import { type GoldenCase, GoldenMismatch, goldenFolders, openCase, shippedGolden } from '../harness/golden.ts';

/** The shipped cases and, where there is one, the whole set: all kinds of this room. */
const folders = [join(shippedGolden, 'heads'), ...goldenFolders()].filter((folder) => existsSync(folder));

describe('postprocessing against the reference', () => {
  for (const folder of folders) {
    const names = readdirSync(folder)
      .filter((file) => file.endsWith('.json') && file !== 'index.json')
      .map((file) => file.slice(0, -'.json'.length));
    for (const name of names) {
      const { kind } = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
      if (typeof kind !== 'string' || !runners[kind]) continue;
      it(`${kind}: ${name} in ${folder.split('/').slice(-3).join('/')}`, async () => {
        await runners[kind]!(await openCase(folder, name));
      });
    }
  }

  const shipped = (name: string) => openCase(join(shippedGolden, 'heads'), name);
  const changed = (golden: GoldenCase, json: object): GoldenCase => ({ ...golden, json: { ...golden.json, ...json } });
  const failure = (name: string, json: (json: GoldenCase['json']) => object) =>
    shipped(name).then((golden) =>
      runners[golden.kind]!(changed(golden, json(golden.json))).then(
        () => undefined,
        (error: unknown) => error,
      ),
    );

  it('fails if a threshold differs', async () => {
    const runs = (json: GoldenCase['json']) => ({
      runs: json.runs.map((run: object) => ({ ...run, iou_threshold: 0.45 })),
    });
    expect(await failure('bbox_post', runs)).to.be.instanceOf(GoldenMismatch);
  });

  it('fails if the sampling differs by half a pixel', async () => {
    const variants = ({ variants }: GoldenCase['json']) => ({
      variants: variants.map((v: { aligned: boolean }) => ({ ...v, aligned: !v.aligned })),
    });
    expect(await failure('roi_align_variants', variants)).to.be.instanceOf(GoldenMismatch);
  });

  it('calls an anchor generator that is not there unsupported', async () => {
    const error = await failure('anchors_retinanet', () => ({ config: { type: 'YOLOAnchorGenerator' } }));
    expect(error).to.be.instanceOf(UnsupportedError);
    expect((error as Error).message).to.contain('YOLOAnchorGenerator');
  });
});
