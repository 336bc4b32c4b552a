import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { packed } from '../../scripts/pack.ts';

/** Checks the content of the package. */

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, unknown>>;
}

describe('the packed package', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-packed-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  let files: readonly string[];
  let manifest: Manifest;
  let tarball: string;
  const textOf = (file: string): string => readFileSync(join(folder, file), 'utf8');

  before(function () {
    this.timeout(300_000); // it may have to be built
    tarball = packed();
    execFileSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1']);
    files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => statSync(join(folder, file)).isFile())
      .map((file) => file.replaceAll('\\', '/'));
    manifest = JSON.parse(textOf('package.json'));
  });

  it('is at most 20 MB', () => {
    const { size } = statSync(tarball);
    console.log(`      ${(size / 1e6).toFixed(1)} MB, ${files.length} files`);
    expect(size).to.be.below(20e6);
  });

  it('has the modules with their types, the samples, the documents of README, and nothing else', () => {
    const expected = [
      /^dist\/(src|heads|configs)\/.*\.(js|d\.ts)$/,
      /^dist\/(src\/platform|browser)\/tfjs-backend-wasm(-threaded)?(-simd)?\.wasm$/,
      /^dist\/browser\/(worker\/)?[\w.-]+\.js$/,
      /^dist\/web\/(assets\/)?[\w.-]+$/,
      /^docs\/[\w-]+\.(md|png|jpg)$/,
      /^samples\/(browser\/)?\w+\.(ts|html|css)$/,
      /^samples\/(vite|nextjs)\/[\w./-]+\.(js|json|html|css)$/,
      /^samples\/poses\/(stick-figures\.(safetensors|png)|annotations\.json|MODEL_CARD\.md)$/,
      /^samples\/images\/[\w-]+\.jpg$/,
      /^samples\/weights\/(\w+\.safetensors|MODEL_CARD\.md|facade\.(js|d\.ts))$/,
      /^samples\/verify\/[\w-]+\.(safetensors|json|png)$/,
      /^(package\.json|(README|CHANGELOG|CONTRIBUTING|THIRD_PARTY_NOTICES)\.md|LICENSE)$/,
    ];
    expect(files.filter((file) => !expected.some((pattern) => pattern.test(file)))).to.deep.equal([]);
    // and at least one file of each kind
    expect(expected.filter((pattern) => !files.some((file) => pattern.test(file)))).to.deep.equal([]);
    expect(files).to.include.members(['LICENSE', 'README.md', 'CHANGELOG.md', 'THIRD_PARTY_NOTICES.md']);
    expect(files).to.include.members(['samples/weights/facade.safetensors', 'samples/weights/MODEL_CARD.md']);
  });

  it('has declarations beside each module, no source map and no path of the machine', () => {
    const modules = files.filter((file) => /^dist\/(src|heads|configs)\/.*\.js$/.test(file));
    expect(modules.filter((file) => !files.includes(file.replace(/\.js$/, '.d.ts')))).to.deep.equal([]);
    expect(files.filter((file) => /\.[jt]s$/.test(file) && textOf(file).includes('sourceMappingURL'))).to.deep.equal(
      [],
    );
    const project = process.cwd();
    expect(files.filter((file) => /\.(js|ts|json|md)$/.test(file) && textOf(file).includes(project))).to.deep.equal([]);
  });

  it('imports only its files and dependencies', () => {
    const declared = namesOf(manifest, 'dependencies', 'optionalDependencies', 'peerDependencies');
    const faults = files.flatMap((file) =>
      importsOf(file, textOf).flatMap((specifier) => {
        if (specifier.startsWith('.')) {
          const target = join(folder, dirname(file), specifier);
          // declarations import sources by name, as the compiler writes and reads them
          const found = file.endsWith('.d.ts') ? target.replace(/\.ts$/, '.d.ts') : target;
          return existsSync(found) ? [] : [`${file}: ${specifier} is missing`];
        }
        const name = packageOf(specifier);
        const allowed = isBuiltin(specifier) || declared.includes(name) || name === 'moganet';
        return allowed ? [] : [`${file}: ${specifier} is not in package.json`];
      }),
    );
    expect(faults).to.deep.equal([]);
  });

  it('uses each dependency', () => {
    const used = new Set(files.flatMap((file) => importsOf(file, textOf)).map(packageOf));
    const unseen = {
      '@tensorflow/tfjs': 'the peer of users; the modules import its parts, so that bundles carry no more',
      'onnxruntime-node': "loaded by Node's own require, so that bundlers leave it out",
      pngjs: 'loaded likewise at the first PNG, since modules of one file cannot require',
    };
    const declared = namesOf(manifest, 'dependencies', 'optionalDependencies', 'peerDependencies');
    expect(declared.filter((name) => !used.has(name) && !(name in unseen))).to.deep.equal([]);
  });

  it('imports only parts of TensorFlow.js that declare what they require, as strict layouts of node_modules need', () => {
    const parts = [...new Set(files.flatMap((file) => importsOf(file, textOf)).map(packageOf))].filter((name) =>
      name.startsWith('@tensorflow/'),
    );
    expect(parts).to.include('@tensorflow/tfjs-core').and.not.to.include('@tensorflow/tfjs'); // which requires long, undeclared
    const require = createRequire(import.meta.url);
    for (const part of parts) {
      const { main, dependencies = {}, peerDependencies = {} } = require(`${part}/package.json`);
      const text = readFileSync(require.resolve(`${part}/${main}`), 'utf8').replace(/^\s*(\/\/|\*).*$/gm, '');
      const required = [...text.matchAll(/\brequire\(['"]([^'"]+)['"]\)/g)].map(([, name = '']) => name);
      const declared = Object.keys({ ...dependencies, ...peerDependencies });
      const strangers = required.filter((name) => !isBuiltin(name) && !declared.includes(packageOf(name)));
      expect(strangers, part).to.deep.equal([]);
    }
  });

  it('exports the shipped weights, images and wasm files, for bundlers', () => {
    for (const path of ['samples/weights/facade.safetensors', 'samples/images/street-house.jpg']) {
      expect(files, path).to.include(path);
      expect(manifest.exports, path).to.include({ './samples/*': './samples/*' });
    }
    expect(manifest.exports['./wasm/*.wasm']).to.equal('./dist/src/platform/*.wasm');
  });

  it('has no install script', () => {
    expect(manifest.scripts).not.to.have.any.keys('preinstall', 'install', 'postinstall', 'prepare');
  });

  it('is developed with the versions of its peer dependencies', () => {
    for (const [name, range] of Object.entries(manifest.peerDependencies)) {
      const installed = manifest.devDependencies[name] ?? '';
      expect(installed, name).to.match(/^\d+\.\d+\.\d+$/);
      expect(installed.replace(/\d+$/, 'x'), name).to.equal(range);
    }
  });

  it('has a command that starts with Node', () => {
    expect(textOf(manifest.bin.moganet ?? '')).to.match(/^#!\/usr\/bin\/env node\n/);
  });
});

const namesOf = (
  manifest: Manifest,
  ...lists: readonly ('dependencies' | 'optionalDependencies' | 'peerDependencies')[]
) => lists.flatMap((list) => Object.keys(manifest[list]));

const isBuiltin = (specifier: string): boolean => specifier.startsWith('node:') || builtinModules.includes(specifier);

/** `@scope/name/path` → `@scope/name`. */
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');

/** Returns the imports of a module or its declarations, as the compiler writes them. */
function importsOf(file: string, textOf: (file: string) => string): string[] {
  // samples are programs of users, and the page is bundled
  if (!/\.(js|d\.ts)$/.test(file) || /^(samples|dist\/web)\//.test(file)) return [];
  const statement =
    /^(?:import|export)\s(?:[^;'"]*?\sfrom\s+)?['"]([^'"]+)['"]|(?:\bimport|\.resolve)\(['"]([^'"]+)['"]\)/gm;
  return [...textOf(file).matchAll(statement)].map(([, from, dynamic]) => from ?? dynamic ?? '');
}
