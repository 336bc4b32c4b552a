import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { run } from '../../src/cli/program.ts';
import { pageFolders } from '../../src/cli/web.ts';
import { serve } from '../../src/cli/web_server.ts';
import { builtWeb } from '../harness/built_web.ts';

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

  it('refuses a port that is none', async () => {
    expect(await run(['web', '--port', '70000'])).to.equal(2);
  });
});
