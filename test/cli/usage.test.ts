import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { entries, findEntry, version } from 'moganet';
import { howToClassify, otherClasses } from '../../src/cli/model.ts';
import { moganet, useFolder } from '../harness/command_line.ts';

const commands = [
  'demo',
  'predict',
  'detect',
  'segment',
  'classify',
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
    const [help, versionText] = await Promise.all([moganet(['--help']), moganet(['--version'])]);
    expect(help.code).to.equal(0);
    expect(help.stderr).to.equal('');
    for (const command of commands) {
      expect(help.stdout).to.include(`\n  ${command}`);
    }
    expect(help.stdout).to.include('Exit codes: 0 all good, 1 failure, 2 wrong usage, 3 ');
    expect(versionText).to.deep.equal({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  it('has examples in the help of every command', async () => {
    for (const command of commands) {
      const { code, stdout } = await moganet([command, '--help']);
      expect(code).to.equal(0);
      expect(stdout).to.match(new RegExp(`Examples:\n  moganet ${command}`));
      // no example has an option that its own command does not know
      const options = stdout.split('\n\n').find((part) => part.startsWith('Options:'))!;
      const examples = /Examples:\n((?: {2}.*\n?)+)/.exec(stdout)![1]!.split('\n');
      for (const line of examples.filter((one) => one.includes(`moganet ${command} `))) {
        for (const [option] of line.matchAll(/(?<= )--[a-z-]+/g)) expect(options, line).to.include(`${option} `);
      }
    }
  });

  it('says how to use the classes of COCO and ADE20K, by names of the zoo', async () => {
    const { stdout } = await moganet(['predict', '--help']);
    expect(stdout).to.include(otherClasses('moganet'));
    for (const name of ['mask_rcnn_moganet_xt_fpn_1x_coco', 'upernet_moganet_xt_512x512_160k_ade20k']) {
      expect(findEntry(name).weights?.url).to.be.a('string');
      expect(stdout).to.include(`moganet pull ${name}\n    moganet predict photo.jpg --model ${name}\n`);
    }
  });

  const wrong: readonly (readonly [string, readonly string[], string])[] = [
    ['an unknown command', ['predct', 'a.jpg'], "error: unknown command 'predct'\n(Did you mean predict?)\n"],
    [
      'an unknown option',
      ['predict', 'a.jpg', '--scor', '1'],
      "error: unknown option '--scor'\n(Did you mean --score?)\n",
    ],
    [
      'an empty word instead of an image',
      ['detect', ''],
      'error: an empty word is no image. If it stands for a variable of the shell, that is not set.\n',
    ],
    [
      'an address that is not read',
      ['detect', 's3://bucket/a.jpg'],
      'error: s3://bucket/a.jpg: addresses begin with http:// or https://, and s3:// is not read.\n',
    ],
    [
      'help for a command that is none',
      ['help', 'pedict'],
      'error: there is no command "pedict". Did you mean "predict"? `moganet help` lists them.\n',
    ],
    ['an address that is none', ['detect', 'https://'], 'error: https://: this is no address that can be read.\n'],
    ['a number of threads that is none', ['detect', 'a.jpg', '-t', '0'], 'Expected a whole number from 1.\n'],
    ['no image', ['detect'], "error: missing required argument 'images'\n"],
    ['a score that is none', ['detect', 'a.jpg', '--score', '2'], 'Expected a number from 0 to 1.\n'],
    [
      'an unknown engine',
      ['detect', 'a.jpg', '--engine', 'gpu'],
      'Allowed choices are auto, onnxruntime, wasm, cpu.\n',
    ],
    [
      'a size that is none',
      ['summary', 'facade', '--size', '4by5'],
      'Expected height×width in pixels, such as 800x1280.\n',
    ],
    [
      'an unknown model',
      ['summary', 'facde'],
      'error: unknown model "facde". Did you mean "facade"? `moganet models` lists them; a file is also good.\n',
    ],
    [
      'a classifier where objects are to be found',
      ['detect', 'a.jpg', '--model', 'moganet_xt'],
      'error: moganet_xt finds no objects. Use `moganet classify`.\n',
    ],
    ['a number of classes that is none', ['classify', 'a.jpg', '--top', '0'], 'Expected a whole number from 1.\n'],
    [
      'a scale too few',
      ['convert', 'a.pth', 'b.pth', 'c.safetensors', '--scale', '64x64'],
      'error: --scale is given once for 2 inputs. Give it once per input.\n',
    ],
    [
      'no name for the new file',
      ['convert', 'a.pth', 'b.pth'],
      'error: b.pth: the last file is the one to write, and its name ends with .safetensors.\n',
    ],
  ];
  for (const [what, words, text] of wrong) {
    it(`refuses ${what} with exit code 2`, async () => {
      const { code, stdout, stderr } = await moganet(words);
      expect(stderr).to.include(text);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    });
  }

  it('takes a file whose name looks like an option for one where it is there, and says what to write', async () => {
    writeFileSync(join(cwd, '-dash.jpg'), '');
    const { code, stderr } = await moganet(['predict', 'a.jpg', '-dash.jpg'], { cwd });
    expect({ code, stderr }).to.deep.equal({
      code: 2,
      stderr:
        'error: -dash.jpg is taken for an option. If the file of that name is meant, write ./-dash.jpg, or -- before all files.\n',
    });
  });

  it('looks for files and folders before it loads a model', async () => {
    writeFileSync(join(cwd, 'file'), '');
    const cases = [
      [['detect', 'a.jpg', '--weights', 'none.pth'], 2, 'error: none.pth: there is no such file.\n'],
      [['detect', 'a.jpg', '--model', 'none.safetensors'], 2, 'error: none.safetensors: there is no such file.\n'],
      [
        ['detect', 'a.jpg', '--out', 'file/below'],
        1,
        `error: file/below cannot be written: ${join(realpathSync(cwd), 'file')} is a file. Choose a folder with --out.\n`,
      ],
    ] as const;
    for (const [words, code, stderr] of cases) {
      expect(await moganet(words, { cwd })).to.deep.equal({ code, stdout: '', stderr });
    }
  });

  it('names the command that pulls the weights where they are not here', async () => {
    const words = ['detect', 'a.jpg', '--model', 'mask_rcnn_moganet_xtiny_fpn_1x_coco.pth'];
    const { code, stderr } = await moganet(words, { env: { MOGANET_CACHE: '/nowhere' } });
    expect(code).to.equal(2);
    const name = 'mask_rcnn_moganet_xt_fpn_1x_coco';
    expect(stderr).to.equal(
      `error: the weights of ${name} are not here yet. Pull them once:\n  npm run -s moganet -- pull ${name}\n` +
        `or add --pull. They are at ${findEntry(name).weights!.url}; a file that you have is given with --weights.\n`,
    );
  });

  it('says of each task only the classes that its models have', async () => {
    const [detect, segment] = await Promise.all([moganet(['detect', '--help']), moganet(['segment', '--help'])]);
    expect(detect.stdout).to.include("COCO's 80 classes").and.not.include('ADE20K');
    expect(segment.stdout).to.include("ADE20K's 150 classes").and.not.include("COCO's 80");
    expect(segment.stdout).to.include('moganet segment photo.jpg --model upernet_moganet_xt_512x512_160k_ade20k');
    expect(segment.stdout).not.to.include('--score');
  });

  it('says in the help how JSON comes from a checkout, and where a configuration has its weights from', async () => {
    const [predict, config] = await Promise.all([moganet(['predict', '--help']), moganet(['config', '--help'])]);
    expect(predict.stdout).to.include(
      "From a checkout: `npm run -s moganet -- …`; without -s npm's own lines come first.",
    );
    expect(config.stdout).to.include(
      '\nKeep "name" as it is: the weights come through it. A configuration of another name needs --weights.\n',
    );
  });

  it('says which models classify and how to get their weights, since the shipped one does not', async () => {
    const { code, stdout, stderr } = await moganet(['classify', 'a.jpg']);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    const names = entries.filter(({ config }) => config.classification).map(({ name }) => name);
    expect(names).to.include('moganet_xt').and.to.include('moganet_xl');
    expect(stderr).to.equal(
      `error: facade does not classify. Use \`moganet predict\`, or one of these: ${names.join(', ')}.\n` +
        `${howToClassify('npm run -s moganet --')}\n`,
    );
    expect(stderr).to.include(
      'npm run -s moganet -- pull moganet_xt\n    npm run -s moganet -- classify photo.jpg --model moganet_xt\n',
    );
  });

  it('lists the models for a task', async () => {
    const { code, stdout } = await moganet(['models', '--task', 'detect']);
    expect(code).to.equal(0);
    expect(stdout).to.include(
      'mask_rcnn_moganet_xt_fpn_1x_coco  detect\n  22.8 M parameters, 185.4 GFLOPs at 1280×800, box AP 40.7, mask AP 37.6\n',
    );
    expect(stdout).not.to.include('moganet_xt  classify');
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
