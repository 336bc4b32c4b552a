import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CheckpointError, ConfigError, EngineError, ShapeError, UnsupportedError } from 'moganet';
import { exitCodeOf, exitCodeOfImages, OutputError, UsageError } from '../../src/cli/failure.ts';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { serveFile, status } from '../harness/file_server.ts';
import { smallDetection } from '../harness/small_model.ts';

describe('exit codes', () => {
  const cwd = useFolder();

  before(() => {
    writeFileSync(join(cwd, 'note.txt'), 'hello');
    writeFileSync(join(cwd, 'text.pth'), 'hello');
    writeImage(join(cwd, 'a.png'), 1);
    mkdirSync(join(cwd, 'folder'));
    const config = structuredClone(smallDetection) as unknown as {
      detection: { rpn: { anchors: { strides: number[] } } };
    };
    config.detection.rpn.anchors.strides = [4];
    writeFileSync(join(cwd, 'strides.json'), JSON.stringify(config));
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    [
      'an unknown model to pull',
      ['pull', 'moganet_xt', 'moganet_xtt'],
      /"moganet_xtt"\. .*"moganet_xt"\? `moganet models`/,
    ],
    ['a model to pull that comes with the package', ['pull', 'facade'], /facade/],
    ['an unknown model to print', ['config', 'nope'], /"nope"\. `moganet models`.*file/],
    ['weights that do not exist', ['predict', 'a.png', '-w', 'nope.pth'], /nope\.pth: there is no such file/],
    ['a checkpoint to read that does not exist', ['summary', 'nope.pth'], /nope\.pth: there is no such file/],
    ['a checkpoint to convert that does not exist', ['convert', 'nope.pth', 'x.safetensors'], /nope\.pth: there is no/],
    [
      'weights at a URL of another scheme',
      ['predict', 'a.png', '-w', 'ftp://host/x.pth'],
      /URLs of ftp: are not fetched/,
    ],
    ['a model at a URL of another scheme', ['summary', 's3://bucket/x.pth'], /URLs of s3: are not fetched/],
    ['a checkpoint at a URL of another scheme', ['convert', 'gs://b/x.pth', 'y.safetensors'], /URLs of gs: are not/],
    ['weights that are another kind of file', ['predict', 'a.png', '-w', 'note.txt'], /note\.txt: .*text/],
    ['text as a checkpoint to convert', ['convert', 'text.pth', 'x.safetensors'], /text\.pth: .*text/],
    ['a text file as model', ['predict', 'a.png', '--model', 'note.txt'], /note\.txt: this file exists.*\.json.*\.pth/],
    ['an image as model', ['config', 'a.png'], /a\.png: this file exists.*\.json.*\.safetensors/],
    ['a folder as model', ['export', 'folder'], /folder: this folder exists.*`moganet models`/],
    ['a configuration that contradicts itself', ['config', 'strides.json'], /anchors\.strides: has 1 level/],
  ];
  for (const [what, words, facts] of wrong) {
    it(`are 2 for ${what}`, async () => {
      const { code, stdout, stderr } = await moganet(words, { cwd, env: { MOGANET_CACHE: join(cwd, 'cache') } });
      expect(stderr)
        .to.match(facts)
        .and.match(/^error: /);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }

  const blocked: readonly (readonly string[])[] = [
    ['export', 'facade', '--out', 'note.txt'],
    ['export', 'facade', '--out', 'note.txt/features.onnx', '--backbone'],
    ['convert', 'text.pth', 'note.txt/x.safetensors'],
  ];
  for (const words of blocked) {
    it(`are 1 for a file that stands where ${words[0]} writes a folder: ${words.join(' ')}`, async () => {
      const { code, stdout, stderr } = await moganet(words, { cwd });
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr).to.match(/^error: note\.txt cannot be written: .*note\.txt is a file\. .*\n$/);
    });
  }

  it('are 1 if a server with weights fails, and 2 if it does not have them', async () => {
    const server = await serveFile(new Uint8Array());
    const url = `${server.url}x.pth`;
    const runs = [
      ['predict', 'a.png', '--weights', url],
      ['classify', 'a.png', '--model', url],
      ['summary', url],
      ['export', url],
      ['convert', url, 'x.safetensors'],
    ];
    try {
      for (const words of runs) {
        for (const [answer, expected] of [
          [503, 1],
          [500, 1],
          [429, 1],
          [404, 2],
          [403, 2],
        ] as const) {
          server.answer(status(answer));
          const { code, stderr } = await moganet(words, { cwd });
          expect(stderr, words.join(' ')).to.contain(`the server answered ${answer}`);
          expect(code, `${answer} ${words.join(' ')}`).to.equal(expected);
        }
      }
    } finally {
      await server.close();
    }
    for (const words of runs) expect((await moganet(words, { cwd })).code, words.join(' ')).to.equal(1); // nobody answers
  });

  it('follow the class of an error', () => {
    const call = [new UsageError(), new ConfigError(), new UnsupportedError(), new ShapeError()];
    const failure = [new OutputError(), new CheckpointError(), new EngineError()];
    expect(call.map(exitCodeOf)).to.deep.equal([2, 2, 2, 2]);
    expect(failure.map(exitCodeOf)).to.deep.equal([1, 1, 1]);
    expect(exitCodeOf(new TypeError())).to.equal(undefined);
  });

  it('are 3 if some images fail, and 1 if all of them do', () => {
    const cases = [
      [4, 0],
      [4, 1],
      [4, 4],
      [1, 1],
    ] as const;
    expect(cases.map(([images, failed]) => exitCodeOfImages(images, failed))).to.deep.equal([0, 3, 1, 1]);
  });
});
