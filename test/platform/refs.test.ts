import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { CheckpointError, ImageError } from 'moganet';
import { openWeights as openInPage, readImage as readInPage } from '../../src/platform/browser.ts';
import { dataUrlBytes } from '../../src/platform/data_url.ts';
import { openWeights, readImage } from '../../src/platform/node/files.ts';
import { spelledPath } from '../../src/platform/node/names.ts';
import { checkName, FileFault, fetchBytes, memoryBytes } from '../../src/platform/refs.ts';
import { useFolder } from '../harness/command_line.ts';
import { rejection } from '../harness/rejection.ts';

describe('a file at a URL', () => {
  let server: Server;
  let address: string;

  before(async () => {
    server = createServer(({ url }, response) => {
      if (url === '/endless') {
        const more = (): void => {
          if (!response.destroyed) response.write(new Uint8Array(50_000), () => setImmediate(more));
        };
        more();
      } else if (url === '/large') response.writeHead(200, { 'content-length': 10_001 }).end(new Uint8Array(10_001));
      else if (url === '/stall') response.write('begun');
      else if (url !== '/silent') response.end('abc');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  it('is taken up to a number of bytes, and not beyond', async () => {
    expect([...(await fetchBytes(`${address}/abc`, { most: 3 }))]).to.deep.equal([97, 98, 99]);
    for (const [path, text] of [
      ['abc', 'the file has 3 bytes; at most 2 are fetched into memory'],
      ['large', 'the file has 10001 bytes; at most 2 are'],
      ['endless', 'the server sends more and more; at most 2 are'],
    ] as const) {
      const error = await rejection(fetchBytes(`${address}/${path}`, { most: 2 }));
      expect(error, path).to.be.instanceOf(FileFault).and.to.include({ code: 'limit' });
      expect(error.message).to.include(text);
    }
  });

  it('is given up if the server sends nothing for a while, before or within its answer', async () => {
    for (const path of ['silent', 'stall']) {
      const error = await rejection(fetchBytes(`${address}/${path}`, { most: 100, stallMs: 100 }));
      expect(error, path).to.be.instanceOf(FileFault);
      expect(error.message).to.equal('the server sends no data for 0.1 s');
    }
  });

  it('ends at once on a signal, with its reason', async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 20);
    const error = await rejection(fetchBytes(`${address}/silent`, { most: 100, signal: stop.signal }));
    expect(error.message).to.equal('enough');
  });

  it('that is too large is refused by code, as an image and as weights', async () => {
    const big = createServer((_, response) => response.writeHead(200, { 'content-length': 2 ** 32 }).flushHeaders());
    await new Promise<void>((resolve) => big.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(big.address() as AddressInfo).port}/a`;
    try {
      for (const [call, kind] of [
        [() => readImage(url), ImageError],
        [() => openWeights(url), CheckpointError],
      ] as const) {
        const error = await rejection(call());
        expect(error).to.be.instanceOf(kind).and.to.include({ code: 'limit' });
        expect(error.message).to.match(/the file has 4294967296 bytes; at most \d+.*Download it to a file/);
      }
    } finally {
      big.closeAllConnections();
      big.close();
    }
  });
});

describe('a name that is no path and no URL', () => {
  it('is called bare base64, or by its scheme', async () => {
    const base64 = `iVBORw0KGgo${'A'.repeat(5000)}`;
    const error = await rejection(readImage(base64));
    expect(error).to.be.instanceOf(ImageError);
    expect(error.message).to.match(/^iVBORw0KGgoA+\.\.\.: this is bare base64 text.*data:image\/png;base64,/);
    expect(error.message.length).to.be.below(300);
    expect(() => checkName('/9j/4AAQSkZJRg')).to.throw(FileFault, /bare base64/);
    expect(() => checkName(`${'QUJD'.repeat(100)}QQ==`)).to.throw(FileFault, /bare base64/);
    for (const scheme of ['ftp', 's3', 'gs', 'hf']) {
      const refused = await rejection(readImage(`${scheme}://host/photo.jpg`));
      expect(refused.message).to.match(
        new RegExp(
          `^${scheme}://host/photo\\.jpg: URLs of ${scheme}: are not fetched, only https: and http:\\. Download it`,
        ),
      );
      expect((await rejection(openWeights(`${scheme}://host/a.pth`))).message).to.include(`URLs of ${scheme}:`);
    }
    for (const name of [
      'photo.jpg',
      'https://a.org/b',
      'file:///a',
      'blob:x',
      'C:\\photos\\a.jpg',
      'dir/with spaces.png',
    ]) {
      expect(() => checkName(name), name).not.to.throw();
    }
  });
});

describe('an invalid URL', () => {
  it('is refused by a typed error, as an image and as weights', async () => {
    for (const [url, text] of [
      ['http://', 'http://: invalid URL. Check the URL.'],
      ['https://a b/c.png', 'https://a b/c.png: invalid URL. Check the URL.'],
      ['file:///%zz', 'file:///%zz: URI malformed. Check the URL.'],
      ['data:image/png;base64,*', 'data: URL: invalid base64. Encode the file again.'],
    ] as const) {
      for (const [call, kind] of [
        [() => readImage(url), ImageError],
        [() => openWeights(url), CheckpointError],
        [() => readInPage(url), ImageError],
        [() => openInPage(url), CheckpointError],
      ] as const) {
        const error = await rejection(call());
        expect(error, url).to.be.instanceOf(kind).and.to.have.property('code', 'unreadable');
        if (!String(call).includes('InPage')) expect(error.message).to.equal(text);
      }
    }
  });
});

describe('the name of a file', () => {
  const folder = useFolder();

  it('is found in either form of its accents', async () => {
    const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];
    mkdirSync(join(folder, decomposed));
    const path = join(folder, decomposed, `${decomposed}.png`);
    writeFileSync(path, Uint8Array.of(1, 2));
    expect(spelledPath(join(folder, composed, `${composed}.png`))).to.equal(path);
    expect([...(await readImage(join(folder, composed, `${composed}.png`)))]).to.deep.equal([1, 2]);
    const source = await openWeights(join(folder, composed, `${composed}.png`));
    expect(source.size).to.equal(2);
    await source.close?.();
    // what exists as it is written, and what does not exist, stay
    expect(spelledPath(path)).to.equal(path);
    expect(spelledPath(join(folder, 'th\u00e9.png'))).to.equal(join(folder, 'th\u00e9.png'));
  });
});

describe('a data: URL', () => {
  it('is decoded without a request: base64, percent signs and plain text', async () => {
    const real = globalThis.fetch;
    globalThis.fetch = () => Promise.reject(new Error('the policy forbids it'));
    try {
      const cases: [url: string, bytes: number[]][] = [
        ['data:image/png;base64,AAEC/w==', [0, 1, 2, 255]],
        ['data:image/png;base64,AAEC%2Fw%3D%3D', [0, 1, 2, 255]],
        ['data:image/png;base64, AAEC\n/w', [0, 1, 2, 255]],
        ['data:;charset=utf-8;base64,AAEC', [0, 1, 2]],
        ['data:,a%00%fFb', [97, 0, 255, 98]],
        ['data:text/plain,50%#part', [53, 48, 37]],
        ['data:,é', [0xc3, 0xa9]],
      ];
      for (const [url, bytes] of cases) {
        expect([...dataUrlBytes(url)], url).to.deep.equal(bytes);
        expect([...((await memoryBytes(url, { most: 100 })) ?? [])], url).to.deep.equal(bytes);
      }
      expect(() => dataUrlBytes('data:;base64,*')).to.throw();
    } finally {
      globalThis.fetch = real;
    }
  });
});
