import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs';
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

  it('reports a folder that cannot be made before the model loads, in words', async function () {
    if (process.platform !== 'linux') this.skip();
    const { code, stderr } = await moganet(['detect', 'photos/a.png', '--out', '/proc/foo', ...model], { cwd });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: \/proc\/foo cannot be written: the system makes .*\(ENOENT\)\. .*--out\.\n$/);
  });

  interface Document {
    readonly results: readonly { readonly file: string }[];
    readonly failures: readonly { readonly file: string; readonly error: string }[];
  }

  it('ends the document of --json when an output cannot be written, with the reason in it', async () => {
    mkdirSync(join(cwd, 'blocked', 'b.detections.png', 'x'), { recursive: true });
    const words = ['detect', 'photos', '--json', '--save', 'overlay', '--out', 'blocked', '--overwrite', ...model];
    const { code, stdout, stderr } = await moganet(words, { cwd });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: blocked\/b\.detections\.png cannot be written: .*\n$/);
    const { results, failures } = JSON.parse(stdout) as Document;
    expect(results.map(({ file }) => file)).to.deep.equal(['photos/a.png']);
    expect(failures.map(({ file }) => file)).to.deep.equal(['photos/b.png']);
    expect(failures[0]?.error).to.match(/^blocked\/b\.detections\.png cannot be written/);
  });

  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    it(`ends the document of --json when ${signal} ends the run`, async function () {
      if (process.platform === 'win32') this.skip();
      for (let n = 0; n < 40; n++) writeImage(join(cwd, 'many', `${n}.png`), n);
      const run = startMoganet(['detect', 'many', '--json', ...model], { cwd });
      run.process.stdout?.once('data', () => run.process.kill(signal));
      const { code, stdout } = await run;
      const { results, failures } = JSON.parse(stdout) as Document;
      expect(code).to.equal(expected);
      expect(results.length).to.be.above(0).and.below(40);
      expect(failures).to.have.length(1);
      expect(failures[0]?.error).to.equal(`interrupted by ${signal}`);
      expect(results.map(({ file }) => file)).not.to.include(failures[0]?.file);
    });
  }

  it('ends at once if a signal comes while a model loads, however long a file keeps the thread', async function () {
    if (process.platform === 'win32') this.skip();
    const run = startMoganet(['detect', 'photos', '--model', 'detection.safetensors'], {
      cwd,
      imports: [import.meta.resolve('../harness/blocking_load.mjs')],
    });
    let said = '';
    while (!said.includes('thread is blocked')) said += String(await once(run.process.stderr!, 'data'));
    const start = performance.now();
    run.process.kill('SIGINT');
    expect((await run).code).to.equal(130);
    expect(performance.now() - start).to.be.below(5000);
  });
});
