import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { openCheckpoint, tensorsOf } from '../../src/formats/index.ts';
import { loadModel } from '../../src/index.ts';
import { fetchFault } from '../../src/platform/browser/faults.ts';
import { openWeights, readImage, shippedWeights } from '../../src/platform/browser.ts';
import type { Progress } from '../../src/platform/contract.ts';
import { onMirror } from '../../src/platform/mirror.ts';
import { FileFault } from '../../src/platform/refs.ts';
import { rejection } from '../harness/rejection.ts';
import { smallClassification, smallFile } from '../harness/small_model.ts';

/** Weights in a page, with the cache of a page played by a fake. `test/browser/weights.slow.test.ts` has that of Chromium. */

/** Caches of a page, which can be full, blocked or damaged. */
class FakeCaches {
  readonly kept = new Map<string, Response>();
  full = false;
  async open(name: string) {
    const at = (url: string) => `${name} ${url}`;
    return {
      match: async (url: string) => this.kept.get(at(url))?.clone(),
      put: async (url: string, answer: Response) => {
        if (this.full) throw Object.assign(new Error('Quota exceeded.'), { name: 'QuotaExceededError' });
        this.kept.set(at(url), answer);
      },
      delete: async (url: string) => this.kept.delete(at(url)),
    };
  }
}

const names = ['caches', 'navigator', 'location', 'fetch'];
const real = names.map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
const set = (name: string, value: unknown) =>
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });

describe('weights at a URL in a page', () => {
  let server: Server;
  let url: string;
  let file: Uint8Array;
  let version = 1;
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  let asked: string[] = [];
  let caches: FakeCaches;

  const serveFile: typeof answer = ({ method }, response) => {
    response.writeHead(200, { etag: `"${version}"`, 'content-length': file.length });
    response.end(method === 'HEAD' ? undefined : file);
  };

  before(async () => {
    file = await smallFile(smallClassification);
    server = createServer((request, response) => {
      asked.push(request.method ?? '');
      answer(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/small.safetensors`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(() => {
    caches = new FakeCaches();
    set('caches', caches);
    answer = serveFile;
    asked = [];
    version = 1;
  });
  afterEach(() => {
    for (const [name, one] of real) {
      if (one) Object.defineProperty(globalThis, name, one);
      else Reflect.deleteProperty(globalThis, name);
    }
  });

  /** Loads the model. Returns its notices, the downloads that were reported, and the requests. */
  async function load(cache?: boolean | string) {
    asked = [];
    const downloads: Progress[] = [];
    const onProgress = (progress: Progress) => void (progress.stage === 'download' && downloads.push(progress));
    const model = await loadModel({ config: smallClassification, weights: url }, { engine: 'cpu', cache, onProgress });
    await model.dispose();
    return { notices: model.notices.join(' '), downloads, asked };
  }

  it('report their size before the first bytes, and are kept', async () => {
    const first = await load();
    expect(first.asked).to.deep.equal(['GET']);
    expect(first.downloads[0]).to.deep.include({ done: 0, total: file.length, text: 'small.safetensors' });
    expect(first.downloads.at(-1)).to.deep.include({ done: file.length, total: file.length });
    expect(first.downloads.every(({ cached }) => !cached)).to.equal(true);
    const second = await load();
    expect(second.asked, 'the server is asked whether it is the same').to.deep.equal(['HEAD']);
    expect(second.downloads).to.have.length(1);
    expect(second.downloads[0]).to.deep.include({ done: file.length, total: file.length, cached: true });
    expect(second.notices).to.equal('');
  });

  it('are downloaded again if the server has another file', async () => {
    await load();
    version = 2;
    expect((await load()).asked).to.deep.equal(['HEAD', 'GET']);
    expect((await load()).asked).to.deep.equal(['HEAD']);
  });

  it('are kept under the name that the caller gives, or not at all', async () => {
    await load('mine');
    expect([...caches.kept.keys()]).to.deep.equal([`mine ${url}`]);
    caches.kept.clear();
    await load(false);
    expect(caches.kept.size).to.equal(0);
  });

  it('are taken from the copy if the server does not answer, and a notice says so', async () => {
    await load();
    for (const down of [
      (_: IncomingMessage, response: ServerResponse) => void response.destroy(),
      (_: IncomingMessage, response: ServerResponse) => void response.writeHead(503).end(),
    ]) {
      answer = down;
      const { notices, downloads } = await load();
      expect(notices).to.match(/cannot be compared with the server.*the kept copy of .* GMT is used/);
      expect(downloads.some(({ cached }) => cached)).to.equal(true);
    }
    answer = (_, response) => void response.writeHead(404).end();
    expect((await rejection(load())).message).to.include('the server answered 404');
  });

  it('that were damaged in the cache are downloaded again', async () => {
    await load();
    const [key = '', kept] = [...caches.kept][0] ?? [];
    const headers = kept!.headers;
    caches.kept.set(key, new Response('short', { headers }));
    const { notices, asked: requests } = await load();
    expect(notices).to.match(/has 5 bytes, not \d+: the file is downloaded again/);
    expect(requests).to.deep.equal(['GET']);
    // the length is right, the bytes are not: refused once, and forgotten
    caches.kept.set(key, new Response(new Uint8Array(file.length), { headers }));
    expect((await rejection(load())).name).to.equal('CheckpointError');
    expect((await load()).asked).to.deep.equal(['GET']);
  });

  it('are not kept without room, without the right, without https, and a notice says why', async () => {
    caches.full = true;
    expect((await load()).notices).to.match(/is not kept: the storage of this page is full.*downloaded again/);
    set('navigator', { onLine: true, storage: { estimate: async () => ({ quota: 1000, usage: 900 }) } });
    expect((await load()).notices).to.match(/full \(0\.0 MB of 0\.0 MB are used\)/);
    set('caches', { open: () => Promise.reject(new Error('The operation is insecure.')) });
    const { notices, downloads } = await load();
    expect(notices).to.match(/does not let the page store files \(The operation is insecure\.\)/);
    expect(downloads.find(({ notice }) => notice)?.notice).to.include('does not let the page store files');
    set('caches', undefined);
    expect((await load()).notices).to.match(/by https: only/);
    expect((await load(false)).notices, 'nobody asked for it').to.equal('');
  });

  it('may be an answer, a Blob or bytes, and no request is made', async () => {
    for (const weights of [
      new Response(file.slice()),
      new Blob([file.slice()]),
      new File([file.slice()], 'a.safetensors'),
      file,
    ]) {
      asked = [];
      const model = await loadModel({ config: smallClassification, weights }, { engine: 'cpu' });
      await model.dispose();
      expect(asked).to.deep.equal([]);
    }
    const response = new Response(file.slice(), { headers: { 'content-length': `${file.length}` } });
    const seen: unknown[] = [];
    await openWeights(response, { onBytes: (done, total) => void seen.push([done, total]) });
    expect(seen[0]).to.deep.equal([0, file.length]);
    expect((await rejection(openWeights(response))).message).to.include('was read before');
    expect((await rejection(openWeights(new Response('', { status: 404 })))).message).to.include('answered 404');
  });

  it('in a File are read by position, and never whole', async () => {
    const wanted: number[] = [];
    class Watched extends File {
      override slice(start = 0, end = this.size): Blob {
        wanted.push(end - start);
        return super.slice(start, end);
      }
      override arrayBuffer(): Promise<ArrayBuffer> {
        throw new Error('it is read whole');
      }
    }
    const source = await openWeights(new Watched([file.slice()], 'a.safetensors'));
    const checkpoint = await openCheckpoint(source);
    wanted.length = 0;
    const [tensor] = tensorsOf(checkpoint);
    await tensor?.entry.readFloat32();
    expect(wanted).to.deep.equal([4 * tensor!.entry.shape.reduce((product, extent) => product * extent, 1)]);
  });

  it('that are the page of an application are refused before they are read', async () => {
    answer = (_, response) => void response.end(`<!doctype html>${' '.repeat(100)}`);
    const { message } = await rejection(load());
    expect(message).to.match(/answered with an HTML page, not with a file of weights.*path that does not exist/);
    expect(caches.kept.size).to.equal(0);
  });

  it('stop with an abort, and nothing is kept', async () => {
    answer = (_, response) =>
      void response.writeHead(200, { 'content-length': file.length }).write(file.subarray(0, 100));
    const stop = new AbortController();
    const onBytes = (done: number) => void (done > 0 && stop.abort(new Error('enough')));
    const error = await rejection(openWeights(url, { signal: stop.signal, onBytes }));
    expect(error.message).to.equal('enough');
    expect(caches.kept.size).to.equal(0);
  });

  it('that the page may not read are told as such, with the way out', async () => {
    set('location', { href: 'https://page.example/app/' });
    set('navigator', { onLine: true });
    const probes: unknown[] = [];
    set('fetch', async (_: unknown, options: { mode?: string }) => {
      probes.push(options.mode);
      if (options.mode === 'no-cors') return new Response();
      throw new TypeError('Failed to fetch');
    });
    const { message } = await rejection(openWeights('https://cdn.example/a.pth'));
    expect(probes).to.deep.equal([undefined, 'no-cors']);
    expect(message).to.match(
      /^https:\/\/cdn\.example\/a\.pth: https:\/\/cdn\.example answers, but does not let pages of https:\/\/page\.example read/,
    );
    expect(message).to.match(/moganet convert FILE weights\.safetensors --dtype f16/);
    expect((await rejection(readImage('https://cdn.example/a.png'))).message).to.match(
      /serve the file from the origin of the page/,
    );
    set('navigator', { onLine: false });
    expect((await rejection(openWeights('https://cdn.example/a.pth'))).message).to.include('this device is offline');
  });
});

describe('a request of a page that fails', () => {
  const found = { page: 'https://page.example/app/', offline: false };
  const failed = new TypeError('Failed to fetch');
  const fault = (url: string, more = {}) =>
    fetchFault(failed, url, { ...found, ...more }, (page) => `advice for ${page}`);

  it('is a matter of CORS if the server answers', () => {
    const { reason, remedy, cause } = fault('https://cdn.example/a.png', { answers: true });
    expect(reason).to.match(/https:\/\/cdn\.example answers.*Access-Control-Allow-Origin/);
    expect(remedy).to.equal('To load it, advice for https://page.example');
    expect(cause).to.equal(failed);
  });

  it('may be one if it does not, which then comes second', () => {
    const { reason, remedy } = fault('https://cdn.example/a.png', { answers: false });
    expect(reason).to.include('does not answer');
    expect(remedy).to.match(/^Check the URL.*CORS/);
  });

  it('is named after the policy of the page, the missing connection, or mixed content', () => {
    expect(fault('https://cdn.example/a.png', { directive: 'connect-src' }).remedy).to.match(
      /Add https:\/\/cdn\.example to connect-src/,
    );
    expect(fault('https://cdn.example/a.png', { offline: true }).reason).to.include('offline');
    expect(fault('http://cdn.example/a.png').reason).to.include('may not fetch a file by http:');
    expect(fault('a.png', { page: 'file:///home/me/index.html' }).remedy).to.equal('Open it from a web server.');
    for (const url of ['a.png', '/a.png', 'https://page.example/a.png']) {
      expect(fault(url).reason, url).to.include('the server of this page does not answer');
    }
  });

  it('keeps other faults as they are', () => {
    const limit = new FileFault('limit', 'too large');
    const none = () => '';
    expect(fetchFault(limit, 'a.png', found, none)).to.equal(limit);
    expect(fetchFault(new Error('x'), 'https://cdn.example/a.png', found, none).remedy).to.equal('Check the URL.');
  });
});

describe('a mirror', () => {
  it('is a folder, or the file itself; in a page it may be relative', () => {
    for (const [mirror, expected] of [
      ['/models/', '/models/a%20b.pth'],
      ['models', 'models/a%20b.pth'],
      ['https://my.host/w/?key=1', 'https://my.host/w/a%20b.pth?key=1'],
      ['https://my.host/other.safetensors', 'https://my.host/other.safetensors'],
      ['/w/a b.pth', '/w/a b.pth'],
    ] as const) {
      expect(onMirror('a b.pth', mirror)).to.equal(expected);
    }
  });

  it('gives the shipped weights of a page a URL', async () => {
    expect(shippedWeights('facade.safetensors', '/models/')).to.equal('/models/facade.safetensors');
    const error = await rejection(loadModel('facade', { engine: 'cpu' }));
    expect(error.message).to.match(/Serve samples\/weights\/facade\.safetensors.*from: '\/models\/'/);
    const offered = await rejection(loadModel('moganet_t', { engine: 'cpu' }));
    expect(offered.message).to.match(/Serve the file of https:.*\{ from: 'https:\/\/your\.host\/weights\/' \}/);
  });
});
