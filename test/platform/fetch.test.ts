import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { ConfigError, DownloadError, ImageError } from 'moganet';
import { encodeMaskPng, writeSafetensors } from '../../src/formats/index.ts';
import { pullFile } from '../../src/platform/node/download.ts';
import { proxiesOf, proxyFor, RedirectFault, request } from '../../src/platform/node/fetch.ts';
import { readImage } from '../../src/platform/node/files.ts';
import { FileFault, responseBytes } from '../../src/platform/refs.ts';
import { useFolder } from '../harness/command_line.ts';
import { rejection } from '../harness/rejection.ts';
import { withShort } from '../harness/timers.ts';

const variables = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);

/** Sets the proxies of this process for one call. */
async function withProxies<T>(values: Readonly<Record<string, string>>, call: () => Promise<T>): Promise<T> {
  const before = variables.map((name) => [name, process.env[name]] as const);
  for (const name of variables) delete process.env[name];
  Object.assign(process.env, values);
  try {
    return await call();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

describe('a redirect', () => {
  /** Answers with the next location, or with the file if there is none. */
  const chain = (...locations: (string | undefined)[]) => {
    const asked: string[] = [];
    const send = async (url: URL) => {
      asked.push(url.href);
      const location = locations[asked.length - 1];
      return location === undefined
        ? new Response('file')
        : new Response('moved', { status: 302, headers: { location } });
    };
    return { asked, send };
  };

  it('is followed step by step, also by a relative address', async () => {
    const { asked, send } = chain('/b', 'https://other.example/c?token=1', 'd');
    const response = await request('https://a.example/a', {}, send);
    expect(await response.text()).to.equal('file');
    expect(asked).to.deep.equal([
      'https://a.example/a',
      'https://a.example/b',
      'https://other.example/c?token=1',
      'https://other.example/d',
    ]);
  });

  it('may lead from http: to https:, and never back, whatever comes after', async () => {
    const { send } = chain('https://a.example/b');
    expect((await request('http://a.example/a', {}, send)).status).to.equal(200);
    const back = chain('https://b.example/', 'http://c.example/x?secret=1', 'https://d.example/');
    const error = await rejection(request('https://a.example/a', {}, back.send));
    expect(error).to.be.instanceOf(RedirectFault);
    expect(error.message).to.equal('the server redirects to http://c.example/x, which is not encrypted');
    expect(back.asked).to.have.length(2);
  });

  it('to another scheme is named and not followed', async () => {
    for (const [location, scheme] of [
      ['file:///etc/passwd', 'file:'],
      ['ftp://a.example/x', 'ftp:'],
      ['data:,x', 'data:'],
    ] as const) {
      const { asked, send } = chain(location);
      const error = await rejection(request('http://a.example/a', {}, send));
      expect(error).to.be.instanceOf(RedirectFault);
      expect(error.message).to.include(`redirects to ${scheme}, which is not fetched`);
      expect(asked).to.have.length(1);
    }
  });
});

describe('an answer of fetch', () => {
  /** Gives some bytes, and then nothing more. */
  const stalling = (bytes: number) =>
    new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(bytes)) }));

  it('that does not go on is refused, and ends with an abort', async () => {
    const error = await rejection(responseBytes(stalling(3), { most: 10, stallMs: 20 }));
    expect(error).to.be.instanceOf(FileFault);
    expect(error.message).to.equal('the server sends no data for 0.02 s');
    const image = await withShort(30_000, () => rejection(readImage(stalling(3))));
    expect(image).to.be.instanceOf(ImageError);
    expect(image.message).to.match(/the server sends no data for 30 s\. Try again/);
    const reason = new Error('enough');
    const stop = new AbortController();
    const reading = rejection(responseBytes(stalling(3), { most: 10, stallMs: 5000, signal: stop.signal }));
    stop.abort(reason);
    expect(await reading).to.equal(reason);
  });

  it('may take longer in all than it may wait for a byte', async () => {
    let left = 6;
    const slow = new ReadableStream({
      pull: async (stream) => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        if (left-- > 0) stream.enqueue(new Uint8Array(2));
        else stream.close();
      },
    });
    expect(await responseBytes(new Response(slow), { most: 99, stallMs: 100 })).to.have.length(12);
  });
});

describe('the proxies of the environment', () => {
  it('are read in small and capital letters, with or without a scheme', () => {
    const hostOf = (env: Record<string, string>, url: string) => proxyFor(new URL(url), env)?.url.host;
    expect(proxiesOf({})).to.equal(undefined);
    expect(proxiesOf({ HTTPS_PROXY: '' })).to.equal(undefined);
    expect(hostOf({ HTTPS_PROXY: 'http://p:3128' }, 'https://x.org/a')).to.equal('p:3128');
    expect(hostOf({ https_proxy: 'p:3128' }, 'https://x.org/a')).to.equal('p:3128');
    expect(hostOf({ HTTPS_PROXY: 'http://p:3128' }, 'http://x.org/a')).to.equal(undefined);
    expect(hostOf({ http_proxy: 'http://p:1', HTTPS_PROXY: 'http://q:2' }, 'https://x.org/a')).to.equal('q:2');
  });

  it('exempt the hosts of NO_PROXY', () => {
    const env = { HTTP_PROXY: 'http://p:1', NO_PROXY: 'localhost, .corp.example,*.lab.example,10.0.0.1:8080' };
    const isExempt = (url: string) => proxyFor(new URL(url), env) === undefined;
    for (const url of [
      'http://localhost/',
      'http://a.corp.example/',
      'http://corp.example/',
      'http://x.lab.example/',
      'http://10.0.0.1:8080/',
    ]) {
      expect(isExempt(url), url).to.equal(true);
    }
    for (const url of ['http://mycorp.example/', 'http://10.0.0.1/', 'http://example/']) {
      expect(isExempt(url), url).to.equal(false);
    }
    expect(proxiesOf({ ...env, NO_PROXY: '*' })).to.equal(undefined);
  });

  it('are refused by name if they are not reached by HTTP, without their password', () => {
    expect(() => proxiesOf({ HTTPS_PROXY: 'socks5://me:secret@p:1080' }))
      .to.throw(
        ConfigError,
        /^HTTPS_PROXY: a proxy is reached by http:\/\/ or https:\/\/, got socks5:\/\/p:1080\. .*NO_PROXY/,
      )
      .with.property('message')
      .not.to.include('secret');
    expect(() => proxiesOf({ http_proxy: 'http://' })).to.throw(ConfigError, /^http_proxy: .*got no URL/);
  });
});

describe('requests through a proxy', () => {
  const root = useFolder();
  let weights: Uint8Array;
  const image = encodeMaskPng(Uint8Array.of(1), { height: 1, width: 1 });
  let proxy: Server;
  let address: string;
  let asked: string[];

  before(async () => {
    weights = await writeSafetensors(new Map([['weight', { shape: [2], data: Float32Array.of(1, 2) }]]), {}).bytes();
    // the host far.invalid exists for the proxy only
    proxy = createServer((message, response) => {
      asked.push(`${message.method} ${message.url} ${message.headers['proxy-authorization'] ?? ''}`.trim());
      response.end(message.url?.endsWith('.png') ? image : weights);
    });
    proxy.on('connect', (message, socket) => {
      asked.push(`CONNECT ${message.url} ${message.headers['proxy-authorization'] ?? ''}`.trim());
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    address = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  });
  after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  beforeEach(() => {
    asked = [];
  });

  const timing = { stallMs: 2000, retries: 1, waitMs: 5 };
  const pull = (url: string, name: string) => pullFile({ url: `${url}/${name}` }, { folder: root, timing });

  it('fetch weights and images by http:, which the proxy is asked for itself', async () => {
    await withProxies({ HTTP_PROXY: `http://${address}` }, async () => {
      expect((await pull('http://far.invalid', 'a.safetensors')).size).to.equal(weights.length);
      expect(await readImage('http://far.invalid/x.png')).to.deep.equal(image);
    });
    expect(asked).to.deep.equal(['GET http://far.invalid/a.safetensors', 'GET http://far.invalid/x.png']);
  });

  it('ask for a tunnel by https:, with the password of the proxy, which no message shows', async () => {
    await withProxies({ HTTPS_PROXY: `http://me:secret@${address}` }, async () => {
      const error = await rejection(pull('https://far.invalid', 'b.safetensors'));
      expect(error).to.be.instanceOf(DownloadError);
      expect(error.message)
        .to.match(
          /^https:\/\/far\.invalid\/b\.safetensors: the tunnel was refused with 407, by the proxy http:\/\/127\.0\.0\.1:\d+ of HTTPS_PROXY\./,
        )
        .and.not.to.include('secret');
      const other = await rejection(readImage('https://far.invalid/x.png'));
      expect(other).to.be.instanceOf(ImageError);
      expect(other.message).to.match(/by the proxy http:\/\/127\.0\.0\.1:\d+ of HTTPS_PROXY/);
    });
    const login = `Basic ${Buffer.from('me:secret').toString('base64')}`;
    expect(asked).to.deep.equal([`CONNECT far.invalid:443 ${login}`, `CONNECT far.invalid:443 ${login}`]);
  });

  it('name a proxy that does not answer', async () => {
    await withProxies({ http_proxy: 'http://127.0.0.1:9' }, async () => {
      const error = await rejection(pull('http://far.invalid', 'c.safetensors'));
      expect(error).to.be.instanceOf(DownloadError);
      expect(error.message).to.match(/ECONNREFUSED.*by the proxy http:\/\/127\.0\.0\.1:9 of http_proxy/);
    });
  });

  it('reach hosts of NO_PROXY directly', async () => {
    await withProxies({ HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1' }, async () => {
      expect(await readImage(`http://${address}/x.png`)).to.deep.equal(image);
    });
  });

  it('say without a proxy that there may be one', async () => {
    await withProxies({}, async () => {
      const error = await rejection(pull('http://far.invalid', 'd.safetensors'));
      expect(error.message).to.match(/ENOTFOUND|EAI_AGAIN/);
      if (error.message.includes('ENOTFOUND'))
        expect(error.message).to.match(/online\? If it is behind a proxy, set HTTPS_PROXY/);
    });
  });
});
