import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { packed } from '../../scripts/pack.ts';

/** The light installs of docs/node.md, in clean folders. They need npm's registry, or what they install in npm's cache. */

const root = fileURLToPath(new URL('../..', import.meta.url));

const program = `
import { loadModel } from 'moganet';
const model = await loadModel('facade');
const result = await model.predict('photo.jpg', { size: { height: 64, width: 64 } });
console.log(model.engine.name, result.image.width);
await model.dispose();`;

/** Why npm cannot fetch: there is no network. */
const offline = /\b(ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ENETUNREACH|ETIMEDOUT)\b/;

/** Returns the bytes of all files below a folder, links not followed. */
function bytesOf(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesOf(path) : entry.isFile() ? statSync(path).size : 0);
  }, 0);
}

describe('a light install', () => {
  const folders: string[] = [];
  after(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  for (const { packages, engine, most } of [
    { packages: [], engine: 'wasm', most: 130 },
    { packages: ['onnxruntime-web@1.30'], engine: 'ort-wasm', most: 290 },
  ]) {
    const command = ['npm', 'install', 'moganet', ...packages, '--omit=optional'].join(' ');

    it(`by \`${command}\` takes at most ${most} MB and predicts on ${engine}`, function () {
      const folder = mkdtempSync(join(tmpdir(), 'moganet-light-'));
      folders.push(folder);
      writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
      const usual = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--fetch-retries=0'];
      const { status, stderr } = spawnSync('npm', ['install', packed(), ...packages, '--omit=optional', ...usual], {
        cwd: folder,
        encoding: 'utf8',
        shell: process.platform === 'win32',
        timeout: 240_000,
      });
      if (status !== 0 && (status === null || offline.test(stderr))) {
        console.log("      skipped: needs npm's registry, or a full cache of npm");
        this.skip();
      }
      expect(status, stderr).to.equal(0);
      const modules = join(folder, 'node_modules');
      const megabytes = bytesOf(modules) / 1e6;
      console.log(`      ${megabytes.toFixed(0)} MB`);
      expect(megabytes).to.be.within(50, most);
      for (const name of ['onnxruntime-node', '@tensorflow/tfjs', '@tensorflow/tfjs-layers']) {
        expect(existsSync(join(modules, name)), name).to.equal(false);
      }
      cpSync(join(root, 'samples/images/street-house.jpg'), join(folder, 'photo.jpg'));
      writeFileSync(join(folder, 'program.js'), program);
      const ran = spawnSync(process.execPath, ['program.js'], { cwd: folder, encoding: 'utf8' });
      expect(ran.status, ran.stderr).to.equal(0);
      expect(ran.stdout).to.equal(`${engine} 768\n`);
    }).timeout(300_000);
  }
});
