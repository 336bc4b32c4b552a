import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { casesOf } from './harness/golden/cases.ts';
import { runners } from './harness/golden/pose.ts';
import { type GoldenCase, GoldenMismatch, goldenFolders, openCase, shippedGolden } from './harness/golden.ts';

/** The arithmetic around a pose model against the reference: the shipped cases and, where there is one, the whole set. */

const shipped = join(shippedGolden, 'pose');
const others = goldenFolders().flatMap((folder) => [folder, join(folder, 'pose')]);
const folders = [...new Set([shipped, ...others])].filter((folder) => existsSync(join(folder, 'oks_nms_edges.json')));

describe('poses against the reference', () => {
  for (const folder of folders) {
    for (const { name, kind, run } of casesOf(folder).filter((one) => Object.hasOwn(runners, one.kind))) {
      it(`${kind}: ${name} in ${folder.split('/').slice(-3).join('/')}`, () => run());
    }
  }

  it('cover every kind', () => {
    const kinds = new Set(casesOf(shipped).map(({ kind }) => kind));
    expect([...kinds]).to.include.members(Object.keys(runners));
  });

  /** Returns the failure of a shipped case whose JSON was changed. */
  const failure = async (name: string, change: (json: GoldenCase['json']) => object): Promise<string> => {
    const golden = await openCase(shipped, name);
    const changed = { ...golden, json: { ...golden.json, ...change(golden.json) } };
    const error = await runners[golden.kind]!(changed).catch((fault: unknown) => fault);
    expect(error).to.be.instanceOf(GoldenMismatch);
    return (error as Error).message;
  };
  const eachRun = (change: object) => (json: GoldenCase['json']) => ({
    runs: json.runs.map((run: object) => ({ ...run, ...change })),
  });

  it('see another padding, another map of UDP, and boxes without area that are not refused', async () => {
    expect(await failure('pose_affine_inside', () => ({ padding: 1.2 }))).to.match(/scale/);
    expect(await failure('pose_affine_udp', () => ({ use_udp: false }))).to.match(/matrix/);
    const area = ({ rows }: GoldenCase['json']) => ({ rows: [...rows, { box: [1, 2, 3, 4] }] });
    expect(await failure('pose_affine_degenerate', area)).to.match(/was not refused/);
  });

  it('see another decoding', async () => {
    expect(await failure('pose_decode_edges', eachRun({ post_process: null }))).to.match(/keypoints_default/);
    expect(await failure('pose_decode_border', eachRun({ kernel: 13 }))).to.match(/keypoints_unbiased/);
    expect(await failure('pose_decode_combined', eachRun({ valid_radius_factor: 0.06 }))).to.match(/keypoints_/);
  });

  it('see other pairs, other thresholds and another rescoring', async () => {
    expect(await failure('pose_flip_combined', () => ({ flip_pairs: [[0, 1]] }))).to.match(/back/);
    expect(await failure('oks_nms_people', eachRun({ threshold: 0.6 }))).to.match(/oks_nms 0.6/);
    expect(await failure('keypoint_eval_mmpose', eachRun({ vis_thr: 0.1 }))).to.match(/keep_|score_|kept/);
  });
});
