import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, MoganetError } from 'moganet';
import { reasonOf } from '../../src/cli/images.ts';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallDetection, writeSmallModel } from '../harness/small_model.ts';

describe('the command line, if something gives way', () => {
  const cwd = useFolder();
  const model = ['--model', 'detection.safetensors', '--engine', 'cpu', '--quiet'];

  before(async () => {
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    for (const name of ['a', 'b', 'c']) writeImage(join(cwd, 'photos', `${name}.png`));
  });

  it('reports in one line that stdout cannot be written', async function () {
    if (!existsSync('/dev/full')) this.skip();
    const stdout = openSync('/dev/full', 'w');
    try {
      for (const words of [
        ['detect', 'photos', '--json', ...model],
        ['models', '--json'],
        ['config', 'facade'],
      ]) {
        const { code, stderr } = await startMoganet(words, { cwd, stdout });
        expect(code, words[0]).to.equal(1);
        expect(stderr).to.match(/^error: stdout cannot be written: ENOSPC.*\n$/);
      }
    } finally {
      closeSync(stdout);
    }
  });

  it('finishes the overlays if the reader of its lines has gone', async () => {
    const run = startMoganet(['detect', 'photos', '--out', 'o', ...model.slice(0, -1)], { cwd });
    run.process.stdout!.destroy();
    expect((await run).code).to.equal(0);
    expect(readdirSync(join(cwd, 'o')).sort()).to.deep.equal(['a', 'b', 'c'].map((name) => `${name}.detections.png`));
  });

  it('reports that an input does not fit into memory, and prints the stack of internal errors', () => {
    const allocate = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return reasonOf({ ConfigError, MoganetError }, error);
      }
    };
    const remedy = /does not fit into memory.*--size/;
    expect(allocate(() => new Float32Array(2 ** 50))).to.match(remedy);
    expect(allocate(() => new ArrayBuffer(2 ** 52))).to.match(remedy);
    expect(allocate(() => (1).toFixed(999))).to.equal(undefined);
  });

  it('reports a folder that cannot be made', async function () {
    if (process.platform !== 'linux') this.skip();
    const { code, stderr } = await moganet(['detect', 'photos/a.png', '--out', '/proc/foo', ...model], { cwd });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: \/proc\/foo\/a\.detections\.png cannot be written: ENOENT.* '\/proc\/foo'\.\n$/);
  });
});
