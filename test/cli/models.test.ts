import { join } from 'node:path';
import { expect } from 'chai';
import { entries, modelSummary } from 'moganet';
import { comparison, comparisonText } from 'moganet/article';
import { moganet, useFolder } from '../harness/command_line.ts';
import { smallPose } from '../harness/small_model.ts';

describe('moganet models', () => {
  const cwd = useFolder();
  const env = { MOGANET_CACHE: join(cwd, 'cache') };

  it('ends with the terms of weights and data', async () => {
    const { code, stdout } = await moganet(['models', '--task', 'segmentation'], { env });
    expect(code).to.equal(0);
    expect(stdout).to.match(/\nTerms of the weights.*:\n {2}Apache-2\.0 .+: \d+ of these models\n/);
    expect(stdout).to.match(/\n {2}ADE20K: annotations .+\n/);
    expect(stdout).not.to.include('COCO: annotations');
  });

  it('of poses are listed', async () => {
    const { stdout } = await moganet(['models', '--task', 'pose', '--json'], { env });
    const found = JSON.parse(stdout) as { name: string; tasks: string[] }[];
    expect(found.map(({ name }) => name)).to.include.members(['moganet_xt_coco_256x192', 'moganet_b_ap2d_384x288']);
    for (const { tasks } of found) expect(tasks).to.deep.equal(['pose']);
  });

  it('of poses are summarised at the size of their crops', () => {
    const size = { height: 64, width: 48 };
    const { pose } = smallPose;
    expect(modelSummary({ ...smallPose, pose: pose && { ...pose, input: { size } } })).to.match(
      /^small_pose at 64×48 /,
    );
  });

  it('are an array with --json', async () => {
    const { stdout } = await moganet(['models', '--task', 'classification', '--json'], { env });
    const found = JSON.parse(stdout) as { name: string; tasks: string[]; weights: { url: string } }[];
    expect(found.map(({ name }) => name))
      .to.include('moganet_xt')
      .and.not.include('facade');
    expect(found[0]).to.deep.include({ name: 'moganet_xt', tasks: ['classification'] });
    expect(found[0]!.weights.url).to.match(/^https:/);
  });

  it('are compared as a table and as JSON', async () => {
    const words = ['models', '--compare', '--task', 'classification'];
    const { code, stdout, stderr } = await moganet(words, { env, tty: true });
    // seconds, which a terminal explains
    expect(stderr.replaceAll('\u001b', 'ESC')).to.match(/░ counting the networks\rESC\[K$/);
    expect(code).to.equal(0);
    const classifiers = entries.filter(({ config }) => config.classification);
    expect(stdout).to.equal(`${comparisonText(comparison(classifiers))}\n`);
    const json = await moganet(['models', '--compare', '--json'], { env });
    expect(JSON.parse(json.stdout)).to.have.length(comparison().length);
  });
});
