import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findEntry, version } from 'moganet';
import { otherClasses } from '../../src/cli/model.ts';
import { moganet, startMoganet, useFolder } from '../harness/command_line.ts';

const commands = [
  'demo',
  'predict',
  'detect',
  'segment',
  'classify',
  'pose',
  'models',
  'summary',
  'config',
  'convert',
  'export',
  'verify',
];

describe('the words of the command line', () => {
  const cwd = useFolder();

  it('shows help and version on stdout and ends well', async () => {
    const [help, versionText] = await Promise.all([startMoganet(['--help']), startMoganet(['--version'])]);
    expect(help.code).to.equal(0);
    expect(help.stderr).to.equal('');
    for (const command of commands) {
      expect(help.stdout).to.include(`\n  ${command}`);
    }
    expect(help.stdout).to.match(/Exit codes: 0 .* 1 .* 2 .* 3 .*\n130 and 143/);
    expect(versionText).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('has examples in the help of every command', async () => {
    for (const command of commands) {
      const { code, stdout } = await moganet([command, '--help']);
      expect(code).to.equal(0);
      expect(stdout).to.match(new RegExp(`Examples:\n  moganet ${command}`));
      // no example has an option that its command does not know
      const options = stdout.split('\n\n').find((part) => part.startsWith('Options:'))!;
      const examples = /Examples:\n((?: {2}.*\n?)+)/.exec(stdout)![1]!.split('\n');
      for (const line of examples.filter((one) => one.includes(`moganet ${command} `))) {
        for (const [option] of line.matchAll(/(?<= )--[a-z-]+/g)) expect(options, line).to.include(`${option} `);
      }
    }
  });

  it('tells how to use the classes of COCO and ADE20K, by names of the zoo', async () => {
    const { stdout } = await moganet(['predict', '--help']);
    expect(stdout).to.include(otherClasses('moganet'));
    for (const name of ['mask_rcnn_moganet_xt_fpn_1x_coco', 'upernet_moganet_xt_512x512_160k_ade20k']) {
      expect(findEntry(name).weights?.url).to.be.a('string');
      expect(stdout).to.include(`moganet pull ${name}\n    moganet predict photo.jpg --model ${name}\n`);
    }
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['an unknown command', ['predct', 'a.jpg'], /'predct'\n\(Did you mean predict\?\)/],
    ['a command that is like none', ['bogus'], /'bogus'\. `moganet help` lists the commands\.\n$/],
    ['a missing data set', ['evaluate'], /--data <folder>' not specified\. --help says what the command takes\.\n$/],
    ['a score of no results', ['browse', '.', '--score', '0.5'], /^error: --score .*--results.*\n$/],
    ['an unknown option', ['predict', 'a.jpg', '--scor', '1'], /'--scor'\n\(Did you mean --score\?\)/],
    ['an empty word instead of an image', ['detect', ''], /empty.*image.*variable/],
    ['a URL of another scheme', ['detect', 's3://bucket/a.jpg'], /s3:\/\/bucket\/a\.jpg: .*https:\/\//],
    ['help for an unknown command', ['help', 'pedict'], /"pedict".*"predict"\? `moganet help`/],
    ['an invalid URL', ['detect', 'https://'], /https:\/\/: invalid URL/],
    ['an invalid number of threads', ['detect', 'a.jpg', '-t', '0'], /--threads.* whole number/],
    ['no image', ['detect'], /'images'\. --help says what the command takes\.\n$/],
    ['an invalid score', ['detect', 'a.jpg', '--score', '2'], /--score.* 0 to 1/],
    [
      'an unknown engine',
      ['detect', 'a.jpg', '--engine', 'gpu'],
      /--engine.* auto, onnxruntime, webgpu, ort-wasm, wasm, cpu/,
    ],
    ['an invalid size', ['summary', 'facade', '--size', '4by5'], /--size.*height×width.* 800x1280/],
    ['an unknown model', ['summary', 'facde'], /"facde"\. .*"facade"\? `moganet models`/],
    [
      'a classifier for detection',
      ['detect', 'a.jpg', '--model', 'moganet_xt'],
      /moganet_xt .*detect.*`moganet classify`/,
    ],
    ['an invalid number of classes', ['classify', 'a.jpg', '--top', '0'], /--top.* whole number/],
    [
      'a scale too few',
      ['convert', 'a.pth', 'b.pth', 'c.safetensors', '--scale', '64x64'],
      /--scale .* 1 time .* 2 checkpoints/,
    ],
    ['no name for the new file', ['convert', 'a.pth', 'b.pth'], /b\.pth: .*\.safetensors/],
  ];
  for (const [what, words, facts] of wrong) {
    it(`refuses ${what} with exit code 2`, async () => {
      const { code, stdout, stderr } = await moganet(words);
      expect(stderr)
        .to.match(facts)
        .and.match(/^error: /);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }

  it('suggests a spelling for an existing file whose name looks like an option', async () => {
    writeFileSync(join(cwd, '-dash.jpg'), '');
    const { code, stderr } = await moganet(['predict', 'a.jpg', '-dash.jpg'], { cwd });
    expect(code).to.equal(2);
    expect(stderr).to.match(/^error: -dash\.jpg .*option.* \.\/-dash\.jpg.* -- .*\n$/);
  });

  it('looks for files and folders before it loads a model', async () => {
    writeFileSync(join(cwd, 'file'), '');
    const blocked = join(realpathSync(cwd), 'file');
    const cases = [
      [['detect', 'a.jpg', '--weights', 'none.pth'], 2, ['none.pth: there is no such file']],
      [['detect', 'a.jpg', '--model', 'none.safetensors'], 2, ['none.safetensors: there is no such file']],
      [['detect', 'a.jpg', '--out', 'file/below'], 1, ['file/below', blocked, '--out']],
    ] as const;
    for (const [words, code, facts] of cases) {
      const ended = await moganet(words, { cwd });
      expect(ended).to.include({ code, stdout: '' });
      expect(ended.stderr).to.match(/^error: .*\n$/);
      for (const fact of facts) expect(ended.stderr).to.include(fact);
    }
  });

  it('names the command that pulls missing weights', async () => {
    const words = ['detect', 'a.jpg', '--model', 'mask_rcnn_moganet_xtiny_fpn_1x_coco.pth'];
    const { code, stderr } = await moganet(words, { env: { MOGANET_CACHE: '/nowhere' } });
    expect(code).to.equal(2);
    const name = 'mask_rcnn_moganet_xt_fpn_1x_coco';
    expect(stderr).to.match(/^error: .*\n.*\n.*--pull.*--weights.*\n$/);
    for (const fact of [name, `\n  npm run -s moganet -- pull ${name}\n`, findEntry(name).weights!.url!]) {
      expect(stderr).to.include(fact);
    }
  });

  it('lists the classes of each task’s models only', async () => {
    const detect = await moganet(['detect', '--help']);
    const segment = await moganet(['segment', '--help']);
    expect(detect.stdout)
      .to.match(/COCO.* 80 classes/)
      .and.not.include('ADE20K');
    expect(segment.stdout)
      .to.match(/ADE20K.* 150 classes/)
      .and.not.include('80 classes');
    expect(segment.stdout).to.include('moganet segment photo.jpg --model upernet_moganet_xt_512x512_160k_ade20k');
    expect(segment.stdout).not.to.include('--score');
  });

  it('describes in the help only the JSON and the overlay of the command', async () => {
    const keys = { detect: 'detection', segment: 'segmentation', classify: 'classification', pose: 'pose' };
    for (const [command, key] of Object.entries(keys)) {
      const { stdout } = await moganet([command, '--help']);
      const shown = Object.values(keys).filter((one) => stdout.includes(`"${one}": [`));
      expect(shown, command).to.deep.equal([key]);
      const overlays = ['detections.png', 'segmentation.png', 'classification.png', 'poses.png'].filter((one) =>
        stdout.includes(one),
      );
      expect(overlays, command).to.have.length(1);
    }
    const { stdout } = await moganet(['predict', '--help']);
    for (const key of Object.values(keys)) expect(stdout).to.include(`"${key}": [`);
  });

  it('takes every size as height by width, or one number for a square', async () => {
    const helps = { predict: 'size', summary: 'size', ablate: 'size', convert: 'scale' };
    for (const [command, option] of Object.entries(helps)) {
      const { stdout } = await moganet([command, '--help']);
      const text = stdout.replaceAll(/\s+/g, ' ');
      expect(text, command)
        .to.include(`--${option} <HxW> `)
        .and.to.match(/one number (for|is) a square/);
    }
  });

  it('tells in the help how to get JSON from a checkout, and how a configuration finds its weights', async () => {
    const predict = await moganet(['predict', '--help']);
    const config = await moganet(['config', '--help']);
    expect(predict.stdout).to.include('`npm run -s moganet -- …`');
    expect(config.stdout).to.match(/\n.*"name".*weights.*--weights\.\n/);
  });

  it('names a model that classifies and how to list the others, since the shipped one does not', async () => {
    const { code, stdout, stderr } = await moganet(['classify', 'a.jpg']);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(findEntry('moganet_xt').config).to.have.property('classification');
    expect(stderr).to.match(/^error: classify needs --model.* moganet_xt\. `moganet models --task classification`/);
    expect(stderr).not.to.include('facade').and.not.to.include('moganet_xl');
    expect(stderr).to.include(otherClasses('npm run -s moganet --', 'classify'));
    expect(stderr).to.include(
      'npm run -s moganet -- pull moganet_xt\n    npm run -s moganet -- classify photo.jpg --model moganet_xt\n',
    );
  });

  it('lists the models for a task', async () => {
    const { code, stdout } = await moganet(['models', '--task', 'detection']);
    expect(code).to.equal(0);
    expect(stdout).to.include(
      'mask_rcnn_moganet_xt_fpn_1x_coco  detection\n  22.8 M parameters, 185.4 GFLOPs at 1280×800, box AP 40.7, mask AP 37.6\n',
    );
    expect(stdout).not.to.include('moganet_xt  classification');
  });

  it('sums a model up without its weights', async () => {
    const { code, stdout } = await moganet(['summary', 'mask_rcnn_moganet_xt_fpn_1x_coco']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^mask_rcnn_moganet_xt_fpn_1x_coco at 1280×800/);
    expect(stdout).to.match(/parameters +22\.8 M\n/);
    expect(stdout).to.match(/FLOPs by mmcv's rule +185\.4 G\n/);
    expect(stdout).to.include('box, 1000 regions');
  });
});
