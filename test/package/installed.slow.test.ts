import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Installed, installPackage } from '../support/installed.ts';

/** What a user does first with the published package, on the Node that runs the tests. */

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the installed package', () => {
  let installed: Installed;
  let main: string;

  before(function () {
    this.timeout(300_000);
    installed = installPackage();
    console.log(`      Node ${process.version}, installed ${installed.how}`);
    main = join(installed.folder, 'node_modules/moganet/dist/src/cli/main.js');
  });
  after(() => installed && rmSync(installed.folder, { recursive: true, force: true }));

  const run = (command: string, words: readonly string[], cwd = installed.folder) =>
    spawnSync(command, words, { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' }, maxBuffer: 1e8 });

  it('finds windows on a photo by npx', () => {
    const { status, stdout, stderr } = run('npx', ['--no-install', 'moganet', 'predict', 'photo.jpg']);
    expect(status, stderr).to.equal(0);
    expect(stdout).to.match(/^photo\.jpg: \d\d window, /);
    expect(readdirSync(join(installed.folder, 'out')).sort()).to.deep.equal([
      'photo.detections.png',
      'photo.segmentation.png',
    ]);
  });

  it("runs README's first lines", () => {
    const [, code = ''] = /```ts\n(import [\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? [];
    expect(code).to.include("from 'moganet'");
    writeFileSync(join(installed.folder, 'first.mjs'), code);
    const { status, stdout, stderr } = run(process.execPath, ['first.mjs']);
    expect(status, stderr).to.equal(0);
    expect(stdout).to.match(/^window 0\.\d+/);
    for (const file of ['overlay.png', 'first.png'])
      expect(readFileSync(join(installed.folder, file)).toString('latin1', 1, 4), file).to.equal('PNG');
  });

  for (const [resolution, module] of [
    ['node16', 'node16'],
    ['bundler', 'esnext'],
  ] as const) {
    it(`has types for moduleResolution ${resolution}, correct to the last declaration`, () => {
      const { status, stdout } = compile(resolution, module, { skipLibCheck: true });
      expect(stdout).to.equal('');
      expect(status).to.equal(0);
      const strict = compile(resolution, module, { skipLibCheck: false });
      const faults = strict.stdout.split('\n').filter((line) => /^\S/.test(line));
      // TensorFlow.js 4.22 and its neighbours name types that they do not bring
      const theirs = /^node_modules\/(@tensorflow|@webgpu|@types)\/|^.*\/node_modules\/@tensorflow\//;
      console.log(`      ${faults.length} faults in declarations of TensorFlow.js`);
      expect(faults.filter((line) => !theirs.test(line))).to.deep.equal([]);
    });
  }

  function compile(moduleResolution: string, module: string, options: Readonly<Record<string, unknown>>) {
    const { exports } = JSON.parse(
      readFileSync(join(installed.folder, 'node_modules/moganet/package.json'), 'utf8'),
    ) as { exports: Record<string, unknown> };
    const entries = Object.keys(exports).filter((path) => path !== './package.json');
    writeFileSync(
      join(installed.folder, 'consumer.mts'),
      [
        ...entries.map((path, i) => `import * as m${i} from 'moganet${path.slice(1)}';`),
        `export const all = [${entries.map((_, i) => `m${i}`)}];`,
        "const result: m0.Result = await (await m0.loadModel('facade')).predict('photo.jpg');",
        '// @ts-expect-error: a name is text',
        'export const names: number[] = [...result].map(({ name }) => name);',
      ].join('\n'),
    );
    const compilerOptions = {
      moduleResolution,
      module,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      types: [],
      ...options,
    };
    writeFileSync(
      join(installed.folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...compilerOptions, strict: true, noEmit: true }, files: ['consumer.mts'] }),
    );
    return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.']);
  }

  it('works for user nobody, from folders that nobody may write to, without a network', function () {
    const alone = ['-n', 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    if (run('unshare', [...alone, 'true']).status !== 0) {
      console.log('      skipped: unshare and setpriv (Linux, as root) are needed to be nobody without a network');
      this.skip();
    }
    if (installed.how === 'by links' && run('setpriv', [...alone.slice(2), 'ls', root]).status !== 0) {
      console.log('      skipped: nobody may not look into this repository, which is linked to');
      this.skip();
    }
    const work = join(installed.folder, 'work'); // root's, as everything here
    mkdirSync(work);
    const nobody = (words: readonly string[]) => run('unshare', [...alone, process.execPath, ...words], work);

    const found = nobody([main, 'predict', '../photo.jpg', '--json']);
    expect(found.status, found.stderr).to.equal(0);
    expect(JSON.parse(found.stdout).results[0].instances).to.have.length.above(10);

    const models = nobody([main, 'models']);
    expect(models.status, models.stderr).to.equal(0);
    expect(models.stdout).to.include('facade');

    const refused = nobody([main, 'predict', '../photo.jpg']);
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(/EACCES|permission|not writable|cannot be written/i);
    expect(existsSync(join(work, 'out'))).to.equal(false);
    expect(readdirSync(dirname(work))).to.include('work');
  });
});
