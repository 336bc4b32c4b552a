import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { backbones } from 'moganet';
import { smallPersons, smallPose, writeSmallModel } from '../harness/small_model.ts';

/** Runs every sample as `npx tsx samples/NAME.ts` does, in an empty folder. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

describe('the samples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-samples-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  function linesOf(sample: string, ...words: readonly string[]): string[] {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--import', tsx, join(root, 'samples', `${sample}.ts`), ...words],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, TSX_TSCONFIG_PATH: join(root, 'tsconfig.json') } },
    );
    expect(status, stderr).to.equal(0);
    return stdout.trimEnd().split('\n');
  }
  const written = () => readdirSync(join(folder, 'out'));

  it('are all run here', () => {
    const samples = readdirSync(join(root, 'samples')).filter((file) => file.endsWith('.ts'));
    expect(samples).to.have.members([
      'detect.ts',
      'custom_detector.ts',
      'custom_head.ts',
      'overlay.ts',
      'pose.ts',
      'segment.ts',
      'swap_backbone.ts',
    ]);
  });

  it('detect instances and cut one out', () => {
    for (const line of linesOf('detect')) expect(line).to.match(/^\S+ 0\.\d\d {2}(\d+ ){3}\d+ {2}\d+ pixels$/);
    expect(written()).to.include.members(['detections.png', 'first.png']);
  });

  it('segment an image', () => {
    const image = join(root, 'samples/images/street-house.jpg');
    for (const line of linesOf('segment', image)) expect(line).to.match(/^\S+ {2}\d+\.\d %$/);
    expect(written()).to.include('segmentation.png');
  });

  it('find the poses of drawn people, and of a photo with a detector', async () => {
    const lines = linesOf('pose');
    const people = lines.filter((_, i) => i % 2 === 0);
    for (const line of people) expect(line).to.equal(`person ${line.slice(7, 11)}  17 of 17 keypoints`);
    const { annotations } = JSON.parse(readFileSync(join(root, 'samples/poses/annotations.json'), 'utf8'));
    expect(people).to.have.length(annotations.length);
    for (const [i, { keypoints }] of annotations.entries()) {
      const [, x, y] = /^ {2}nose (\S+) (\S+)$/.exec(lines[2 * i + 1] ?? '') ?? [];
      expect(Math.hypot(Number(x) - keypoints[0], Number(y) - keypoints[1])).to.be.lessThan(3);
    }
    expect(written()).to.include('poses.png');
    const [pose, detector] = [join(folder, 'pose.safetensors'), join(folder, 'persons.safetensors')];
    await writeSmallModel(pose, smallPose);
    await writeSmallModel(detector, smallPersons);
    const photo = join(root, 'samples/images/street-house.jpg');
    const whole = linesOf('pose', photo, pose);
    expect(whole.filter((line) => line.startsWith('person'))).to.have.length(1); // the whole photo is one box
    expect(linesOf('pose', photo, pose, detector)).to.not.deep.equal(whole);
  });

  it('draw an overlay', () => {
    linesOf('overlay');
    expect(written()).to.include('overlay.png');
  });

  it('run a custom backbone and head', () => {
    const [line = '', ...others] = linesOf('custom_head');
    expect(line).to.match(/^brightest \d\.\d\d (\d+ ){3}\d+$/);
    expect(others).to.have.lengthOf(0);
  });

  it('run a custom detector and segmentation head', () => {
    const lines = linesOf('custom_detector');
    expect(lines).to.have.lengthOf(4);
    for (const line of lines.slice(0, 3)) expect(line).to.match(/^spot 0\.\d\d (\d+ ){3}\d+$/);
    expect(lines[3]).to.equal('dark, bright');
  });

  it('run one Mask R-CNN on every backbone of the table', () => {
    const rows = linesOf('swap_backbone', '96').slice(2);
    expect(rows.map((row) => row.split(' ')[0])).to.have.members(Object.keys(backbones));
    for (const row of rows) expect(row).to.match(/^\w+ +(\d+ at \d+, ){3}\d+ at 32 +\d+\.\d M +\d+\.\d G +\d+$/);
  });
});
