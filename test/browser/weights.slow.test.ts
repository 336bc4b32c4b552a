import { cpSync, mkdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { servedSite } from '../harness/browser.ts';
import { browserBundle } from '../harness/browser_bundle.ts';

/** Weights in a page: the cache of Chromium, and requests that it forbids. */

const shipped = new URL('../../samples/weights/facade.safetensors', import.meta.url);

async function prepare(site: string): Promise<void> {
  await build({
    ...browserBundle,
    entryPoints: { weights: fileURLToPath(new URL('page/weights.ts', import.meta.url)) },
    outdir: site,
    minify: false,
    splitting: true,
  });
  cpSync(new URL('page/weights.html', import.meta.url), join(site, 'index.html'));
  mkdirSync(join(site, 'weights'));
  cpSync(shipped, join(site, 'weights/facade.safetensors'));
}

describe('weights in a page', () => {
  const site = servedSite(prepare);
  let page: Page;
  /** Another origin: it allows pages, or not, by the path. */
  let other: Server;
  let elsewhere: string;
  let file: Uint8Array;
  let asked: string[] = [];
  let url: string;

  before(async () => {
    page = await site.open();
    file = Uint8Array.from(await page.evaluate(() => window.weightsOf.file()));
    other = createServer(({ url: path = '', method = '' }, response) => {
      asked.push(`${method} ${path}`);
      const allowed = path.startsWith('/open') ? { 'access-control-allow-origin': '*' } : {};
      if (path.startsWith('/open/slow')) {
        response
          .writeHead(200, { ...allowed, 'content-length': file.length })
          .write(file.subarray(0, file.length >> 1));
        return;
      }
      response.writeHead(200, {
        ...allowed,
        'content-length': file.length,
        'last-modified': 'Sat, 01 Nov 2025 10:00:00 GMT',
      });
      response.end(method === 'HEAD' ? undefined : file);
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    url = `${elsewhere}/open/a.safetensors`;
  });
  after(async () => {
    await page?.close();
    other?.closeAllConnections();
    other?.close();
  });
  beforeEach(() => {
    asked = [];
  });

  const load = (at: string, cache?: boolean | string) =>
    page.evaluate((args) => window.weightsOf.load(...args), [at, cache] as [string, boolean?]);

  it('are kept after the first load, also for a worker, and the server is asked whether they changed', async () => {
    const first = await load(url);
    expect(first.error).to.equal(undefined);
    expect(first.downloads[0]).to.deep.equal({ done: 0, total: file.length, cached: false });
    expect(first.notices).to.deep.equal([]);
    expect(await page.evaluate(() => window.weightsOf.kept())).to.deep.equal(['moganet-weights /open/a.safetensors']);
    const second = await load(url);
    expect(second.downloads).to.deep.equal([{ done: file.length, total: file.length, cached: true }]);
    const third = await page.evaluate((at) => window.weightsOf.inWorker(at), url);
    expect(third.error).to.equal(undefined);
    expect(third.downloads).to.deep.equal([{ done: file.length, total: file.length, cached: true }]);
    expect(asked).to.deep.equal(['GET /open/a.safetensors', 'HEAD /open/a.safetensors', 'HEAD /open/a.safetensors']);
  });

  it('may be an answer of fetch or a file of the visitor', async () => {
    for (const way of ['response', 'dropped'] as const) {
      const { error, notices } = await page.evaluate((args) => window.weightsOf[args[0]](args[1]), [way, url] as const);
      expect(error, way).to.equal(undefined);
      expect(notices, way).to.deep.equal([]);
    }
  });

  it('that another origin does not let the page read are told as such', async () => {
    const { error } = await load(`${elsewhere}/closed/a.pth`);
    expect(error).to.match(
      /CheckpointError: http.*closed\/a\.pth: http:\/\/127\.0\.0\.1:\d+ answers, but does not let pages of http:\/\/localhost:\d+ read/,
    );
    expect(error).to.include('moganet convert');
    expect(asked).to.deep.equal(['GET /closed/a.pth', 'HEAD /closed/a.pth']);
  });

  it('of a server that is not there are told as such', async () => {
    const { error } = await load('http://127.0.0.1:9/a.pth');
    expect(error).to.match(/Failed to fetch: http:\/\/127\.0\.0\.1:9 does not answer/);
  });

  it('that the policy of the page forbids are told as such', async () => {
    const strict = await page.context().browser()!.newPage();
    const policy = "default-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
    await strict.route(`${site.url}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, headers: { ...answer.headers(), 'content-security-policy': policy } });
    });
    await strict.goto(site.url);
    await strict.waitForFunction(() => 'weightsOf' in window);
    const { error } = await strict.evaluate((at) => window.weightsOf.load(at), `${elsewhere}/open/b.safetensors`);
    expect(error).to.match(/the policy of this page forbids the request \(connect-src\)/);
    await strict.close();
  });

  it('stop with an abort, and are not kept', async () => {
    expect(await page.evaluate((at) => window.weightsOf.aborted(at), `${elsewhere}/open/slow`)).to.include('enough');
    expect((await page.evaluate(() => window.weightsOf.kept())).join()).to.not.include('slow');
  });

  it('that were kept serve a page without a connection', async () => {
    await load(url);
    await page.context().setOffline(true);
    try {
      const { error, notices, downloads } = await load(url);
      expect(error).to.equal(undefined);
      expect(downloads.at(-1)).to.deep.equal({ done: file.length, total: file.length, cached: true });
      expect(notices.join()).to.match(
        /cannot be compared with the server, which does not answer: the kept copy of .* is used/,
      );
      expect((await load(`${elsewhere}/open/none.safetensors`)).error).to.include('this device is offline');
    } finally {
      await page.context().setOffline(false);
    }
  });

  it('that ship with the package are loaded by name from where the page serves them', async () => {
    const { error } = await page.evaluate(() => window.weightsOf.shipped());
    expect(error).to.equal(undefined);
    expect(await page.evaluate(() => window.weightsOf.kept())).to.include(
      'moganet-weights /weights/facade.safetensors',
    );
  });
});
