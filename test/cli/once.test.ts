import { expect } from 'chai';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { UsageError } from '../../src/cli/failure.ts';
import { commandLine } from '../../src/cli/program.ts';
import { moganet } from '../harness/command_line.ts';

/** The options that may be repeated. */
const repeated = [
  ...['predict', 'detect', 'browse'].map((command) => `${command} --classes`),
  ...['predict', 'detect', 'segment', 'classify', 'pose', 'evaluate', 'compare'].map((name) => `${name} --ignore`),
  ...['summary', 'config', 'convert', 'export'].map((name) => `${name} --ignore`),
  ...['check-data --split', 'convert --model', 'convert --scale'],
];

/** Returns a value that the option's parser takes. */
function valueFor(option: Option): string {
  if (option.argChoices) return option.argChoices[0]!;
  const taken = ['0.5', '2', '640x640', '8080', 'auto', 'overlay', 'file'].find((text) => {
    try {
      option.parseArg?.(text, undefined);
      return true;
    } catch (error) {
      if (error instanceof InvalidArgumentError || error instanceof UsageError) return false;
      throw error;
    }
  });
  if (taken === undefined) throw new Error(`no value fits ${option.flags}: add one to the test`);
  return taken;
}

/** Parses words without running the command, and without printing what is wrong. */
const parse = (name: string, words: readonly string[]) =>
  commandLine(() => {})
    .commands.find((one) => one.name() === name)!
    .configureOutput({ writeErr: () => {} })
    .parseOptions([...words]);

const all = commandLine(() => {}).commands.flatMap((command: Command) =>
  command.options.map((option) => ({ command: command.name(), option, name: `${command.name()} ${option.long}` })),
);

describe('an option whose value is empty', () => {
  it('is refused by its name, whatever it is, before the command runs', async () => {
    for (const { command, option, name } of all.filter(({ option: { required } }) => required)) {
      const typed = option.argChoices ?? option.parseArg; // what has a form says what it expects
      expect(() => parse(command, [option.long!, '']), name).to.throw(
        typed ? /^empty --|is invalid/ : new RegExp(`^empty ${option.long}\\. Is a shell variable unset\\?$`),
      );
    }
    for (const words of [
      ['demo', '-o', ''],
      ['web', '--out='],
      ['export', 'facade', '--out', ''],
    ]) {
      const { code, stdout, stderr } = await moganet(words);
      expect({ code, stdout }, words.join(' ')).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr).to.equal('error: empty --out. Is a shell variable unset?\n');
    }
  });
});

describe('an option that is given twice', () => {
  for (const { command, option, name } of all.filter(({ option: { required } }) => required)) {
    const may = repeated.includes(name);
    it(`is ${may ? 'taken' : 'refused'}: ${name}`, () => {
      const value = valueFor(option);
      const twice = () => parse(command, [option.long!, value, option.long!, value]);
      if (may) expect(twice).not.to.throw();
      else
        expect(twice).to.throw(UsageError, new RegExp(`^${option.long} is given twice: ${value} and ${value}\\. Give`));
    });
  }

  it('is named with both values and its long name, as a wrong call', async () => {
    const { code, stdout, stderr } = await moganet(['evaluate', '-d', 'a', '--json', '--data', 'b']);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(stderr).to.equal('error: --data is given twice: a and b. Give it once.\n');
    const scales = await moganet(['predict', 'a.jpg', '--scales', '1', '--scales', '2']);
    expect(scales.stderr).to.match(/^error: --scales is given twice: 1 and 2\. Give it once, with commas/);
  });

  it('may be a flag, but not one that says the opposite', () => {
    expect(() => parse('evaluate', ['--json', '--json', '-q', '-q'])).not.to.throw();
    const opposite = all.filter(({ option }) => option.negate).map(({ command, option }) => [command, option.long!]);
    expect(opposite).to.deep.include(['pose', '--no-flip']).and.deep.include(['convert', '--no-ema']);
    for (const [command = '', no = ''] of opposite) {
      const yes = no.replace('--no-', '--');
      if (!all.some(({ name }) => name === `${command} ${yes}`)) continue;
      expect(() => parse(command, [yes, no]), command).to.throw(UsageError, `${yes} and ${no} contradict each other`);
      expect(() => parse(command, [no, yes]), command).to.throw(UsageError, `${no} and ${yes} contradict each other`);
    }
  });

  it('is counted anew in the next run', async () => {
    const words = ['evaluate', '-d', 'nowhere', '--limit', '3'];
    const [first, second] = [await moganet(words), await moganet(words)];
    expect(second).to.deep.equal(first);
    expect(first.stderr).to.include('no such folder');
  });
});
