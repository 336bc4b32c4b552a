import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { type Installed, installPackage } from '../harness/installed.ts';

/** The first steps of a user with the published package, on the Node that runs the tests. */

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

  it('finds windows in an image by npx', () => {
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

  it('runs the server of docs/service.md', async function () {
    this.timeout(120_000);
    const [, code = ''] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'docs/service.md'), 'utf8')) ?? [];
    writeFileSync(join(installed.folder, 'service.mjs'), code);
    const env = { ...process.env, PORT: '0' };
    const server = spawn(process.execPath, ['service.mjs'], { cwd: installed.folder, env, stdio: 'pipe' });
    try {
      const [text] = (await once(server.stdout, 'data')) as [Buffer];
      const url = text.toString().trim();
      const post = (body: Uint8Array<ArrayBuffer>) => fetch(url, { method: 'POST', body });
      const photo = new Uint8Array(readFileSync(join(installed.folder, 'photo.jpg')));
      const answers = await Promise.all([post(photo), post(photo), post(photo.slice(0, 1000))]);
      expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 422]);
      type Body = { detection: unknown[]; code?: string };
      const [first, second, refused] = await Promise.all(answers.map((answer) => answer.json() as Promise<Body>));
      expect(first?.detection).to.have.length.above(10);
      expect(second).to.deep.equal(first);
      expect(refused?.code).to.equal('truncated');
    } finally {
      server.kill();
    }
  });

  for (const [moduleResolution, module] of [
    ['node16', 'node16'],
    ['nodenext', 'nodenext'],
    ['bundler', 'esnext'],
  ] as const) {
    it(`has correct types for moduleResolution ${moduleResolution}`, () => {
      const faults = faultsOfConsumer({ moduleResolution, module });
      // TensorFlow.js 4.22 and its dependencies use types that they do not ship
      const theirs = faults.filter((line) => /node_modules\/(@tensorflow|@webgpu|@types)\//.test(line));
      console.log(`      ${theirs.length} faults in declarations of TensorFlow.js`);
      const ours = faults.filter((line) => !theirs.includes(line));
      expect(ours).to.have.lengthOf(1);
      expect(ours[0]).to.match(
        /^consumer\.mts\(\d+,14\): error TS2322: Type 'string\[\]' is not assignable to type 'number\[\]'/,
      );
    });
  }

  /** Compiles an import of every entry, with one wrong type. Returns the lines of faults. */
  function faultsOfConsumer(options: Readonly<Record<string, string>>): string[] {
    const manifest = join(installed.folder, 'node_modules/moganet/package.json');
    const { exports } = JSON.parse(readFileSync(manifest, 'utf8')) as { exports: Readonly<Record<string, unknown>> };
    const entries = Object.keys(exports).filter((path) => path !== './package.json' && !path.includes('*'));
    const consumer = [
      ...entries.map((path, i) => `import * as m${i} from 'moganet${path.slice(1)}';`),
      `export const all = [${entries.map((_, i) => `m${i}`)}];`,
      // whatever the compiler takes 'moganet' for
      "import { cachedWeights, exportOnnx, pullModel, sampleImages, verify } from 'moganet/node';",
      "import { withAssets } from 'moganet/browser';",
      'export const functions = [cachedWeights, exportOnnx, pullModel, sampleImages, verify, withAssets];',
      "const result: m0.Result = await (await m0.loadModel('facade')).predict('photo.jpg');",
      'export const wrong: number[] = [...result].map(({ name }) => name);',
    ];
    writeFileSync(join(installed.folder, 'consumer.mts'), consumer.join('\n'));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      target: 'es2022',
      lib: ['es2023', 'dom'],
      types: [],
      ...options,
    };
    const config = { compilerOptions, files: ['consumer.mts'] };
    writeFileSync(join(installed.folder, 'tsconfig.json'), JSON.stringify(config));
    const { stdout } = run(process.execPath, [
      join(root, 'node_modules/typescript/bin/tsc'),
      '-p',
      '.',
      '--pretty',
      'false',
    ]);
    return stdout.split('\n').filter((line) => /^\S/.test(line)); // indented lines explain the line above
  }

  it('works for user nobody, in read-only folders, without a network', function () {
    const alone = ['-n', 'setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    if (run('unshare', [...alone, process.execPath, '--version']).status !== 0) {
      console.log('      skipped: needs Linux, root, and a Node that user nobody may start');
      this.skip();
    }
    if (installed.how === 'by links' && run('setpriv', [...alone.slice(2), 'ls', root]).status !== 0) {
      console.log('      skipped: user nobody may not read this repository, which is linked to');
      this.skip();
    }
    const work = join(installed.folder, 'work'); // owned by root, like the folder around it
    mkdirSync(work);
    const nobody = (words: readonly string[]) => run('unshare', [...alone, process.execPath, ...words], work);

    const found = nobody([main, 'predict', '../photo.jpg', '--json']);
    expect(found.status, found.stderr).to.equal(0);
    expect(JSON.parse(found.stdout).results[0].detection).to.have.length.above(10);

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
