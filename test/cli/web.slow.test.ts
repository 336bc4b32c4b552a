import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../../src/cli/program.ts';
import { pageFolders } from '../../src/cli/web.ts';
import { serve } from '../../src/cli/web_server.ts';
import { builtWeb } from '../harness/built_web.ts';
import { moganet } from '../harness/command_line.ts';

describe('moganet web', () => {
  before(async function () {
    this.timeout(60_000);
    await builtWeb();
  });

  it('serves the page and the files of the package with their types, and nothing outside', async () => {
    const server = await serve(pageFolders(), { headers: { 'cross-origin-opener-policy': 'same-origin' } });
    const get = (path: string, headers = {}) => fetch(server.url + path, { headers });
    const typeOf = async (path: string) => {
      const response = await get(path);
      await response.arrayBuffer();
      return `${response.status} ${response.headers.get('content-type')}`;
    };
    expect(await typeOf('')).to.equal('200 text/html; charset=utf-8');
    expect(await typeOf('service_worker.js')).to.equal('200 text/javascript; charset=utf-8');
    expect(await typeOf('images/street-house.jpg')).to.equal('200 image/jpeg');
    expect(await typeOf('wasm/tfjs-backend-wasm-simd.wasm')).to.equal('200 application/wasm');
    expect(await typeOf('ort/ort-wasm-simd-threaded.mjs')).to.equal('200 text/javascript; charset=utf-8');
    expect(await typeOf('models/facade.safetensors')).to.equal('200 application/octet-stream');
    expect(await typeOf('models/..%2f..%2fpackage.json')).to.match(/^404/);
    expect(await typeOf('%2e%2e/package.json')).to.match(/^404/);
    expect(await typeOf('nothing.js')).to.match(/^404/);
    const first = await get('images/street-house.jpg');
    expect(first.headers.get('cross-origin-opener-policy')).to.equal('same-origin');
    const again = await get('images/street-house.jpg', { 'if-none-match': first.headers.get('etag') });
    expect(again.status).to.equal(304);
    await server.close();
  });

  it('writes the page as a folder, but not into one that has something', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moganet-web-'));
    const out = join(folder, 'site');
    expect(await run(['web', '--out', out, '--quiet'])).to.equal(0);
    for (const file of [
      'index.html',
      'models/facade.safetensors',
      'ort/ort-wasm-simd-threaded.wasm',
      'service_worker.js',
    ]) {
      expect(existsSync(join(out, file)), file).to.equal(true);
    }
    expect(readFileSync(join(out, 'index.html'), 'utf8')).to.not.match(/(?:src|href)="(?:https?:)?\//);
    expect(await run(['web', '--out', out, '--quiet'])).to.equal(1);
    rmSync(folder, { recursive: true });
  });

  it('says what stands in the way of the folder', async () => {
    const folder = mkdtempSync(join(realpathSync(tmpdir()), 'moganet-web-'));
    const file = join(folder, 'file');
    writeFileSync(file, 'mine');
    for (const out of [file, join(file, 'below')]) {
      const { code, stdout, stderr } = await moganet(['web', '--out', out]);
      expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr).to.equal(`error: ${out} cannot be written: ${file} is a file. Choose a folder with --out.\n`);
    }
    expect(readFileSync(file, 'utf8')).to.equal('mine');
    rmSync(folder, { recursive: true });
  });

  it('refuses a port for a folder, which nothing serves', async () => {
    const { code, stderr } = await moganet(['web', '--out', 'nowhere', '--port', '3000']);
    expect(code).to.equal(2);
    expect(stderr).to.match(/^error: --out .* --port .*Leave one of them out\.\n$/);
    expect(existsSync('nowhere')).to.equal(false);
  });

  it('refuses a port that is none', async () => {
    expect(await run(['web', '--port', '70000'])).to.equal(2);
  });
});
