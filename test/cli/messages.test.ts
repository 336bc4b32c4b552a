import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Command } from 'commander';
import { convertCheckpoints, createBackbone, loadModel, pullModel } from 'moganet';
import ts from 'typescript';
import { commandLine } from '../../src/cli/program.ts';
import { wordedFor } from '../../src/cli/words.ts';
import { checkPredict } from '../../src/library/options.ts';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallClassification, smallDetection, smallWeights } from '../harness/small_model.ts';
import { prefixed, trainerFile } from '../harness/trainer_file.ts';

/**
 * What a command prints names only its own options, or the command that has them; what the library throws names only
 * options of its functions. Walks the texts in the sources, and what the commands really print.
 */

const root = fileURLToPath(new URL('../../src/', import.meta.url));
const { commands } = commandLine(() => {});

interface Text {
  readonly file: string;
  readonly text: string;
}

/** `--ink: #000` and `var(--ink)` in the styles of pages. */
const cssVariable = /var\(--[\w-]*\)?|--[\w-]+:/g;

/** The texts in a source, with `VALUE` where a template has one; texts that `+` joins are one. */
function textsOf(file: string): Text[] {
  const source = ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.Latest, true);
  const found: Text[] = [];
  const textOf = (node: ts.Node): string | undefined => {
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
    if (ts.isTemplateExpression(node)) {
      return node.head.text + node.templateSpans.map(({ literal }) => `VALUE${literal.text}`).join('');
    }
    if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === undefined && right === undefined ? undefined : `${left ?? 'VALUE'}${right ?? 'VALUE'}`;
  };
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    if (text !== undefined) found.push({ file, text: text.replace(cssVariable, '') });
    // a template has texts in its values
    if (text === undefined || ts.isTemplateExpression(node)) ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const sources = readdirSync(root, { recursive: true })
  .map(String)
  .filter((file) => /(?<!\.d)\.ts$/.test(file));
const texts = sources.flatMap(textsOf);
const ofLibrary = texts.filter(({ file }) => !file.startsWith('cli'));

const option = /(?<![\w-])--[a-z][a-z-]*/g;
const has = (command: Command, name: string): boolean => command.options.some(({ long }) => long === name);
const named = (name: string | undefined) => commands.find((one) => one.name() === name);
const isOurs = (name: string): boolean => commands.some((command) => has(command, name));

/** Options that a text of a command names and that the command, or the one that the text names, does not have. */
function wrongOptions(command: Command, text: string): string[] {
  return text.split('\n').flatMap((line) =>
    [...line.matchAll(option)].flatMap(({ 0: name, index }) => {
      const before = line.slice(0, index);
      if (/\bnpm (install|i|run)\b[^.;]*$/.test(before) || name === '--help') return []; // npm's own
      const behind = /^ of `moganet ([a-z]+)`/.exec(line.slice(index + name.length))?.[1];
      const front = [...before.matchAll(/`?moganet (?:-- )?([a-z]+)\b[^`]*$/g)].at(-1)?.[1];
      const owner = named(behind) ?? named(front) ?? command;
      return has(owner, name) ? [] : [`${owner.name()} has no ${name}: ${text}`];
    }),
  );
}

describe('the options that messages name', () => {
  it('are found in the sources', () => {
    const naming = ofLibrary.filter(({ text }) => text.match(option)?.some(isOurs));
    expect(naming.length).to.be.greaterThan(6);
    expect(naming.some(({ text }) => text.includes('--ema'))).to.equal(true);
    expect(wrongOptions(named('pull')!, 'give --ema')).to.have.length(1);
    expect(wrongOptions(named('pull')!, 'give --ema of `moganet predict`')).to.have.length(0);
    expect(wrongOptions(named('predict')!, 'moganet convert --scale')).to.have.length(0);
  });

  it('in the library exist on each command that may print them, or are said to be of another', () => {
    const wrong = commands.flatMap((command) =>
      ofLibrary.flatMap(({ file, text }) =>
        wrongOptions(command, wordedFor(command, text)).map((what) => `${file}: ${what}`),
      ),
    );
    expect(wrong).to.deep.equal([]);
  });

  it('in the command line exist on some command', () => {
    const wrong = texts
      .filter(({ file }) => file.startsWith('cli'))
      .flatMap(({ file, text }) =>
        [...text.matchAll(option)].flatMap(({ 0: name, index }) =>
          isOurs(name) ||
          ['--help', '--version', '--ignore-scripts'].includes(name) ||
          name === '--heap-growing-percent' || // V8's
          /npm run -s [^\n]*$/.test(text.slice(0, index))
            ? []
            : [`${file}: ${name}`],
        ),
      );
    expect(wrong).to.deep.equal([]);
  });

  it('in code exist on a function of the library', async () => {
    const knownOf = async (call: () => unknown): Promise<string[]> => {
      try {
        await call();
      } catch (error) {
        return /Known: ([^.]*)\./.exec((error as Error).message)?.[1]?.split(', ') ?? [];
      }
      throw new Error('the option nonsense was taken');
    };
    const nonsense = { nonsense: 1 } as object;
    const known = new Set(
      (
        await Promise.all([
          knownOf(() => loadModel('facade', nonsense)),
          knownOf(() => createBackbone('moganet_xt', { weights: 'x', ...nonsense })),
          knownOf(() => checkPredict(nonsense, 'predict')),
          knownOf(() => pullModel('facade', nonsense)),
          knownOf(() => convertCheckpoints([], nonsense)),
        ])
      ).flat(),
    );
    expect(known).to.include('ema').and.to.include('prefix').and.to.include('maxPixels').and.to.include('size');
    const wrong = ofLibrary.flatMap(({ file, text }) => {
      const spelled = [
        ...text.matchAll(/\bthe option (\w+)/g),
        ...text.matchAll(/\{ (\w+): [^{}]* \} \(--/g),
        ...text.matchAll(/`(\w+)` \(--/g),
      ].map(([, name = '']) => name);
      return spelled.filter((name) => !known.has(name)).map((name) => `${file}: ${name} in: ${text}`);
    });
    expect(wrong).to.deep.equal([]);
  });
});

describe('what the commands print', () => {
  const cwd = useFolder();
  const weights = smallWeights(smallClassification);
  const detector = smallWeights(smallDetection);

  before(() => {
    writeFileSync(join(cwd, 'classifier.json'), JSON.stringify(smallClassification));
    writeFileSync(join(cwd, 'detector.json'), JSON.stringify(smallDetection));
    const files = {
      two: { state_dict: weights, state_dict_ema: smallWeights(smallClassification, 'averaged') },
      averaged: { state_dict_ema: weights },
      several: { state_dict: new Map([...prefixed('student.', weights), ...prefixed('teacher.', weights)]) },
      surplus: { state_dict: new Map([...weights, ['other.weight', weights.values().next().value]]) },
      inner: { state_dict: prefixed('model.', weights) },
      unknown: { state_dict: weights },
      twoDetectors: { state_dict: detector, state_dict_ema: detector },
    };
    for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, `${name}.pth`), trainerFile(content));
    writeFileSync(join(cwd, 'text.pth'), 'hello');
    writeImage(join(cwd, 'a.png'), 1);
    mkdirSync(join(cwd, 'empty'));
  });

  const engine = ['--engine', 'cpu'];
  const withWeights = (file: string) => ['--model', 'classifier.json', '--weights', file];
  const checkpoints = ['two.pth', 'averaged.pth', 'several.pth', 'surplus.pth', 'inner.pth', 'unknown.pth', 'text.pth'];
  const calls: readonly (readonly string[])[] = [
    ...checkpoints.flatMap((file) => [
      ['classify', 'a.png', ...withWeights(file), ...engine],
      ['predict', 'a.png', ...withWeights(file), ...engine],
      ['detect', 'a.png', '--model', file, ...engine],
      ['segment', 'a.png', '--model', file, ...engine],
      ['export', 'classifier.json', '--weights', file, '--out', 'onnx', '--overwrite'],
      ['convert', file, 'new.safetensors', '--model', 'classifier.json', '--overwrite'],
      ['convert', file, 'new.safetensors', '--overwrite'],
      ['summary', file],
      ['config', file],
    ]),
    ['classify', 'a.png', ...withWeights('unknown.pth'), '--ema', ...engine],
    ['classify', 'a.png', ...withWeights('averaged.pth'), '--no-ema', ...engine],
    ['classify', 'a.png', ...withWeights('unknown.pth'), '--prefix', 'nothing.', ...engine],
    ['classify', 'a.png', ...withWeights('unknown.pth'), '--max-pixels', '10', ...engine],
    ['detect', 'a.png', '--model', 'detector.json', '--weights', 'twoDetectors.pth', '--out', 'o', ...engine],
    ['segment', 'a.png', '--model', 'detector.json', '--weights', 'twoDetectors.pth'],
    ['convert', 'twoDetectors.pth', 'new.safetensors', '--model', 'detector.json', '--overwrite'],
    ['predict', 'empty'],
    ['predict', 'none*.jpg', '--model', 'detector.json', '--weights', 'twoDetectors.pth', ...engine],
    ['predict', 'a.png', '--model', 'moganet_xt'],
    ['classify', 'a.png'],
    ['pull', 'facade'],
    ['pull', 'nope'],
    ['models', '--task', 'nope'],
    ['config', 'nope'],
    ['verify', '--engine', 'nope'],
    ['ablate', '--size', '100000'],
    ['summary', 'facade', '--size', '0'],
  ];

  it('names only options that the command has, or the command that has them', async () => {
    const wrong: string[] = [];
    const naming = new Set<string>();
    for (const words of calls) {
      const { stdout, stderr } = await moganet(words, { cwd, env: { MOGANET_CACHE: join(cwd, 'cache') } });
      const said = `${stderr}\n${stdout}`;
      wrong.push(...wrongOptions(named(words[0])!, said).map((what) => `${words.join(' ')}: ${what}`));
      expect(said, words.join(' ')).not.to.match(/on the command line|\bin code\b/);
      for (const [name] of said.matchAll(option)) naming.add(`${words[0]} ${name}`);
    }
    expect(wrong).to.deep.equal([]);
    // the messages that these calls are for came
    for (const one of [
      'classify --ema',
      'predict --prefix',
      'convert --prefix',
      'export --ema',
      'classify --max-pixels',
    ]) {
      expect(naming).to.include(one);
    }
  });

  it('takes the weights that the options say', async () => {
    const scores = async (...words: string[]) => {
      const { code, stdout, stderr } = await moganet(
        ['classify', 'a.png', '--model', 'classifier.json', '--json', ...engine, ...words],
        { cwd },
      );
      expect(code, stderr).to.equal(0);
      return JSON.parse(stdout).results[0].classification as unknown;
    };
    const [raw, averaged] = [await scores('-w', 'two.pth', '--no-ema'), await scores('-w', 'two.pth', '--ema')];
    expect(raw).not.to.deep.equal(averaged);
    expect(await scores('-w', 'several.pth', '--prefix', 'student.')).to.deep.equal(raw);
    expect(await scores('-w', 'inner.pth')).to.deep.equal(raw);
    expect(await scores('-w', 'surplus.pth', '--ignore', 'other.weight')).to.deep.equal(raw);
  });

  it('names the limit of pixels where an image exceeds it', async () => {
    const words = ['classify', 'a.png', ...withWeights('unknown.pth'), ...engine, '--max-pixels'];
    const refused = await moganet([...words, '1919'], { cwd });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/a\.png.* 48 × 40 pixels.* trust, give a higher --max-pixels\./);
    expect((await moganet([...words, '1920'], { cwd })).code).to.equal(0);
  });
});
