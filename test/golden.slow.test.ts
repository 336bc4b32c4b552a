import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { expect } from 'chai';
import { UnsupportedError } from '../src/errors.ts';
import { casesOf, foldersFrom } from './harness/golden/cases.ts';
import { type Engines, startEngines, suiteKinds } from './harness/golden/everywhere.ts';
import { goldenFolders, shippedGolden } from './harness/golden.ts';

/** Whole models against the numbers of the published code, the whole set if it exists, and the command. */

const root = resolve(shippedGolden, '../..');
const folders = goldenFolders();

const sets = [
  { title: 'the shipped golden numbers', cases: casesOf(shippedGolden), kinds: ['full', 'detector', 'segmentor'] },
  ...folders
    .filter((folder) => !folders.includes(resolve(folder, '..')))
    .map((folder) => ({ title: `the golden numbers of ${folder}`, cases: casesOf(folder), kinds: [...suiteKinds] })),
];

describe('golden numbers', function () {
  this.timeout(600_000);
  let engines: Engines;
  before(async () => {
    engines = await startEngines();
  });
  after(() => engines.dispose());

  for (const { title, cases, kinds } of sets) {
    describe(title, () => {
      for (const one of cases.filter(({ kind }) => kinds.includes(kind))) {
        it(`are met by ${one.kind} ${one.name}`, async function () {
          try {
            await engines.run(one);
          } catch (error) {
            if (!(error instanceof UnsupportedError)) throw error;
            this.test!.title += ` (skipped: ${error.message})`;
            this.skip();
          }
        });
      }
    });
  }
});

describe('the golden command', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'golden-'));
  after(() => rmSync(folder, { recursive: true }));

  const run = (golden: string, ...options: string[]) => {
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--import', 'tsx', join(root, 'scripts/golden.ts'), '--engine', 'wasm', ...options],
      { cwd: root, encoding: 'utf8', env: { ...process.env, MOGANET_GOLDEN: golden, NO_COLOR: '1' } },
    );
    return { stdout, stderr, status, last: stdout.trimEnd().split('\n').at(-1) };
  };

  /** Writes a golden folder with other weights, an unknown kind and an informative case. */
  before(() => {
    const heads = join(shippedGolden, 'heads');
    const entry = (name: string, kind: string) => ({ case: name, kind, json: `${name}.json` });
    for (const name of ['fcn_aux_head', 'rpn_head']) {
      for (const ending of ['json', 'safetensors'])
        cpSync(join(heads, `${name}.${ending}`), join(folder, `${name}.${ending}`));
    }
    // weights that differ from those of the numbers
    const salted = JSON.parse(readFileSync(join(folder, 'rpn_head.json'), 'utf8'));
    salted.weights.salt = 'other:';
    writeFileSync(join(folder, 'rpn_head.json'), JSON.stringify(salted));
    writeFileSync(join(folder, 'magic.json'), JSON.stringify({ case: 'magic', kind: 'magic', tensors: [] }));
    const note = { case: 'unsure', kind: 'magic', tensors: [], note: 'Informative only' };
    writeFileSync(join(folder, 'unsure.json'), JSON.stringify(note));
    const cases = [
      entry('fcn_aux_head', 'module'),
      entry('rpn_head', 'module'),
      entry('magic', 'magic'),
      entry('unsure', 'magic'),
    ];
    writeFileSync(join(folder, 'index.json'), JSON.stringify({ cases }));
  });

  it('counts, names the first tensor that differs, and exits with 1', () => {
    const { stdout, status, last } = run(folder);
    expect(last).to.equal('1 passed, 1 failed, 1 unsupported');
    expect(stdout).to.match(/^passed {2}module {2}fcn_aux_head {2}wasm, /m);
    expect(stdout).to.match(/^failed {2}module {2}rpn_head {2}wasm: cls0: value \d+ is /m);
    expect(stdout).to.include('unsupported  magic  magic  the kind "magic" is not supported yet');
    expect(stdout).to.match(/unsupported, not counted {2}magic {2}unsure/);
    expect(status).to.equal(1);
  });

  it('exits with 0 without a failure; with --strict with 1 if a case is not supported', () => {
    expect(run(folder, '--only', 'fcn|magic').status).to.equal(0);
    expect(run(folder, '--only', 'fcn|magic', '--strict').status).to.equal(1);
    const without = run(folder, '--only', 'fcn|magic', '--strict', '--without', 'magic');
    expect(without.status).to.equal(0);
    expect(without.last).to.equal('1 passed, 0 failed, 0 unsupported');
  });

  it('runs several folders, and refuses a name that matches nothing and a folder without an index', () => {
    const both = run([shippedGolden, folder].join(delimiter), '--only', 'fcn_aux_head');
    expect(both.last).to.equal('2 passed, 0 failed, 0 unsupported');
    expect(run(folder, '--only', 'nothing').status).to.equal(2);
    const none = run(join(folder, 'elsewhere'));
    expect(none.status).to.equal(2);
    expect(none.stderr).to.match(/elsewhere: .*index\.json/);
  });

  it('counts a heads or eval folder as a part of its parent', () => {
    expect(foldersFrom(`/a/eval${delimiter}/a`, '/c')).to.deep.equal(['/a']);
    expect(foldersFrom(`/a${delimiter}/a/heads${delimiter}/b`, '/c')).to.deep.equal(['/a', '/b']);
    expect(foldersFrom('/a/heads', '/c')).to.deep.equal(['/a/heads']);
    expect(foldersFrom(undefined, '/c')).to.deep.equal(['/c']);
  });
});
