import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import { version } from 'moganet';
import { packed } from '../../scripts/pack.ts';

/** What esbuild's users put before a module that bundles CommonJS. */
const giveRequire =
  "import { createRequire as requireOf } from 'node:module'; " +
  'const require = requireOf(import.meta.url), __dirname = import.meta.dirname;';

/** A server that is bundled into one file, as for Lambda, Electron or a small image of Docker. */
describe('a server in one file', () => {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'moganet-server-'));
  const source = join(folder, 'source');
  after(() => rmSync(folder, { recursive: true, force: true }));

  const program = `
    import { readFileSync } from 'node:fs';
    import { decodeImage, encodePng, loadModel, version } from 'moganet';
    async function main() {
      const [engine, weights, ...images] = process.argv.slice(2);
      console.log('version', version);
      if (engine === 'none') {
        for (const image of images) console.log((await decodeImage(readFileSync(image))).width);
        return;
      }
      const model = await loadModel(weights === 'facade' ? weights : { weights }, { engine });
      for (const image of images) {
        const result = await model.predict(image, { size: { height: 64, width: 64 } });
        console.log(model.engine.name, result.image.width, encodePng(result.render()).length > 1000);
      }
      await model.dispose();
    }
    main().catch((error) => {
      console.error(\`\${error.name}: \${error.message}\`);
      process.exitCode = 1;
    });`;

  before(async function () {
    this.timeout(300_000);
    const target = join(source, 'node_modules/moganet');
    mkdirSync(target, { recursive: true });
    // a package.json further up could have the name moganet, which esbuild would take
    writeFileSync(join(source, 'package.json'), '{ "private": true }\n');
    execFileSync('tar', ['-xzf', packed(), '-C', target, '--strip-components=1']);
    // the dependencies of the package
    symlinkSync(join(root, 'node_modules'), join(target, 'node_modules'), 'junction');
    for (const [format, file, banner] of [
      ['esm', 'plain.mjs', ''],
      ['esm', 'server.mjs', giveRequire],
      ['cjs', 'server.cjs', ''],
    ] as const) {
      await build({
        stdin: { contents: program, resolveDir: source },
        bundle: true,
        platform: 'node',
        format,
        banner: { js: banner },
        outfile: join(folder, 'alone', file),
        logLevel: 'error',
      });
    }
    const alone = join(folder, 'alone');
    for (const file of ['images/street-house.jpg', 'verify/street-house.png', 'weights/facade.safetensors']) {
      cpSync(join(root, 'samples', file), join(alone, basename(file)));
    }
    // a foreign package.json above the bundle
    writeFileSync(join(folder, 'package.json'), '{ "name": "foreign", "version": "9.9.9" }\n');
  });

  const run = (words: readonly string[], cwd = join(folder, 'alone')) =>
    spawnSync(process.execPath, words, { cwd, encoding: 'utf8' });
  const files = ['facade.safetensors', 'street-house.png', 'street-house.jpg'];

  for (const file of ['server.cjs', 'server.mjs']) {
    it(`${file} knows its version and reads PNG and JPEG without a file beside it`, () => {
      const { status, stdout, stderr } = run([file, 'none', ...files]);
      expect(status, stderr).to.equal(0);
      expect(stdout.trim().split('\n')).to.deep.equal([`version ${version}`, '768', '768']);
    });

    it(`${file} names the files that it misses`, () => {
      const wasm = run([file, 'wasm', ...files]);
      expect(wasm.stderr).to.match(
        /^EngineError: the engine wasm needs tfjs-backend-wasm-simd\.wasm, which is not beside/,
      );
      const auto = run([file, 'auto', ...files.slice(0, 2)]);
      expect(auto.status, auto.stderr).to.equal(0); // the engine cpu needs no file; its hint says what was passed over
      const shipped = run([file, 'cpu', 'facade', files[1]!]);
      expect(shipped.stderr).to.match(
        /^UnsupportedError: samples\/weights\/facade\.safetensors of the package moganet is not/,
      );
      expect([wasm, shipped].map(({ status }) => status)).to.deep.equal([1, 1]);
    });
  }

  it('starts without a require, and says what TensorFlow.js needs', () => {
    const { status, stdout, stderr } = run(['plain.mjs', 'cpu', ...files]);
    expect(status).to.equal(1);
    expect(stdout).to.equal(`version ${version}\n`);
    expect(stderr).to.match(/^EngineError: TensorFlow\.js cannot be loaded .*bundle this program in the format cjs/);
    expect(stderr).to.contain(`put "${giveRequire}" at its top`);
  });

  it('takes the files of the engine wasm from its own folder', () => {
    const beside = join(folder, 'beside');
    cpSync(join(folder, 'alone'), beside, { recursive: true });
    for (const file of ['tfjs-backend-wasm.wasm', 'tfjs-backend-wasm-simd.wasm']) {
      cpSync(join(source, 'node_modules/moganet/dist/src/platform', file), join(beside, file));
    }
    for (const file of ['server.cjs', 'server.mjs']) {
      const { status, stdout, stderr } = run([file, 'wasm', ...files], beside);
      expect(status, stderr).to.equal(0);
      expect(stdout).to.include('wasm 768 true\nwasm 768 true');
    }
  });

  it('takes shipped files and onnxruntime from a package that is installed above it', () => {
    cpSync(join(folder, 'alone'), join(source, 'build'), { recursive: true });
    const { status, stdout, stderr } = run(['server.cjs', 'auto', 'facade', 'street-house.jpg'], join(source, 'build'));
    expect(status, stderr).to.equal(0);
    expect(stdout).to.include('onnxruntime 768 true');
  });
});
