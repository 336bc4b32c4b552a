import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { MoganetError } from 'moganet';
import { reasonOf } from '../../src/cli/images.ts';
import { moganet, piped, useFolder, writePhoto } from '../harness/command_line.ts';
import { smallDetector, writeSmallModel } from '../harness/small_model.ts';

describe('the command line, where something gives way', () => {
  const cwd = useFolder();
  const model = ['--model', 'detector.safetensors', '--engine', 'cpu', '--quiet'];

  before(async () => {
    await writeSmallModel(join(cwd, 'detector.safetensors'), smallDetector);
    for (const name of ['a', 'b', 'c']) writePhoto(join(cwd, 'photos', `${name}.png`));
  });

  it('says in one line that stdout cannot be written', function () {
    if (!existsSync('/dev/full')) this.skip();
    const full = openSync('/dev/full', 'w');
    try {
      for (const words of [
        ['detect', 'photos', '--json', ...model],
        ['models', '--json'],
        ['config', 'facade'],
      ]) {
        const { code, stderr } = piped(words, new Uint8Array(), { cwd }, full);
        expect({ code, stderr: stderr.toString() }, words[0]).to.deep.equal({
          code: 1,
          stderr: 'error: stdout cannot be written: ENOSPC: no space left on device, write.\n',
        });
      }
    } finally {
      closeSync(full);
    }
  });

  it('finishes the pictures where the reader of its lines has gone', async () => {
    const run = moganet(['detect', 'photos', '--out', 'o', ...model.slice(0, -1)], { cwd });
    run.process.stdout!.destroy();
    expect((await run).code).to.equal(0);
    expect(readdirSync(join(cwd, 'o')).sort()).to.deep.equal(['a', 'b', 'c'].map((name) => `${name}.detections.png`));
  });

  it('says that an input does not fit into memory, and leaves our own errors to the stack', () => {
    const allocate = (work: () => unknown): unknown => {
      try {
        return work();
      } catch (error) {
        return reasonOf({ MoganetError }, error);
      }
    };
    const text =
      "the network's input does not fit into memory. Give a smaller --size, or a smaller input in the configuration.";
    expect(allocate(() => new Float32Array(2 ** 50))).to.equal(text);
    expect(allocate(() => new ArrayBuffer(2 ** 52))).to.equal(text);
    expect(allocate(() => (1).toFixed(999))).to.equal(undefined);
  });

  it('says of a folder that the system refuses to make that it cannot be written', async function () {
    if (process.platform !== 'linux') this.skip();
    const { code, stderr } = await moganet(['detect', 'photos/a.png', '--out', '/proc/foo', ...model], { cwd });
    expect({ code, stderr }).to.deep.equal({
      code: 1,
      stderr:
        "error: /proc/foo/a.detections.png cannot be written: ENOENT: no such file or directory, mkdir '/proc/foo'.\n",
    });
  });
});
