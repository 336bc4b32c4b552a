import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ConfigError, DownloadError } from 'moganet';
import { writeSafetensors } from '../../src/formats/index.ts';
import { cacheFolder, diskFault } from '../../src/platform/node/cache.ts';
import { cachedPath, findCached, type PullFileOptions, pullFile } from '../../src/platform/node/download.ts';
import { useFolder } from '../harness/command_line.ts';
import {
  type Answer,
  chunked,
  claiming,
  corruptAt,
  cutAfter,
  etagOf,
  type FileServer,
  gzipped,
  redirect,
  serveFile,
  stallAfter,
  status,
  truncated,
  whole,
  withoutRanges,
} from '../harness/file_server.ts';
import { rejection } from '../harness/rejection.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** Short waits. A stall is longer, because the machine may be busy. */
const timing = { stallMs: 300, retries: 2, waitMs: 5, longestWaitMs: 1500, lockBeatMs: 20, lockStaleMs: 400 };

describe('the cache', () => {
  it('is the folder of MOGANET_CACHE, or the system’s folder for caches', () => {
    const home = homedir();
    expect(cacheFolder({ MOGANET_CACHE: '/data/weights' }, 'linux')).to.equal('/data/weights');
    expect(cacheFolder({}, 'linux')).to.equal(join(home, '.cache', 'moganet'));
    expect(cacheFolder({ XDG_CACHE_HOME: '/x' }, 'linux')).to.equal(join('/x', 'moganet'));
    expect(cacheFolder({}, 'darwin')).to.equal(join(home, 'Library', 'Caches', 'moganet'));
    expect(cacheFolder({ LOCALAPPDATA: '/local' }, 'win32')).to.equal(join('/local', 'moganet', 'Cache'));
  });
});

describe('a pull', () => {
  const root = useFolder();
  let bytes: Uint8Array;
  let server: FileServer;
  let folder: string;
  let url: string;
  let notices: string[];
  let progress: [number, number][];

  before(async () => {
    const data = Float32Array.from({ length: 5000 }, (_, i) => Math.sin(i));
    bytes = await writeSafetensors(new Map([['weight', { shape: [50, 100], data }]]), {}).bytes();
    server = await serveFile(bytes);
    url = `${server.url}release/weights.safetensors`;
  });
  after(() => server.close());
  beforeEach(() => {
    folder = mkdtempSync(join(root, 'cache-'));
    notices = [];
    progress = [];
  });

  const pull = (options: PullFileOptions & { size?: number; sha256?: string; url?: string } = {}) => {
    const { size, sha256: known, url: other = url, ...rest } = options;
    return pullFile(
      { url: other, size, sha256: known },
      {
        folder,
        timing,
        onNotice: (text) => notices.push(text),
        onBytes: (done, total) => progress.push([done, total]),
        ...rest,
      },
    );
  };
  const refusal = async (options?: Parameters<typeof pull>[0], kind: new () => Error = DownloadError) => {
    const error = await pull(options).then(
      () => undefined,
      (reason: Error) => reason,
    );
    expect(error).to.be.instanceOf(kind);
    expect(findCached({ url }, folder), 'nothing wrong bears the name').to.equal(undefined);
    return error!.message;
  };
  const files = () => readdirSync(folder).sort();
  const expectWhole = (path: string) => {
    expect(sha256(readFileSync(path))).to.equal(sha256(bytes));
    expect(files()).to.deep.equal(['weights.safetensors', 'weights.safetensors.json']);
  };

  it('downloads the file, reports its size before any byte, and records its hash', async () => {
    server.answer(whole);
    const pulled = await pull();
    expectWhole(pulled.path);
    expect(pulled).to.include({ cached: false, url, size: bytes.length, sha256: sha256(bytes) });
    expect(progress[0]).to.deep.equal([0, bytes.length]);
    expect(progress.at(-1)).to.deep.equal([bytes.length, bytes.length]);
    expect(notices).to.deep.equal([]);
    const record = JSON.parse(readFileSync(`${pulled.path}.json`, 'utf8'));
    expect(record).to.include({ url, size: bytes.length, sha256: sha256(bytes) });
  });

  it('makes no request for a file that is there', async () => {
    server.answer(whole);
    await pull();
    server.answer(status(500));
    const again = await pull();
    expect(again.cached).to.equal(true);
    expect(server.requests).to.have.length(0);
    expect(findCached({ url }, folder)).to.equal(again.path);
  });

  describe('gets the complete file from a server that', () => {
    const cases: readonly (readonly [what: string, answers: readonly Answer[], notice: RegExp | undefined])[] = [
      ['cuts the connection', [cutAfter(7000), whole], /^the connection broke \(.+\); trying again in 1 s \(1 of 2\)$/],
      ['cuts it again and again', [cutAfter(7000), cutAfter(5), whole], /\(2 of 2\)$/],
      ['stalls', [stallAfter(3000), whole], /0\.3 s; trying again/],
      ['stalls before its answer', [() => undefined, whole], /0\.3 s; trying again/],
      ['cuts, and then answers a range with the whole file', [cutAfter(7000), withoutRanges], /trying again/],
      ['answers 500 once', [status(500), whole], /^the server answered 500 Internal Server Error; trying again/],
      ['answers 503 and asks to wait a second', [status(503, { 'retry-after': '1' }), whole], /again in 1 s/],
      ['answers 429', [status(429), whole], /^the server answered 429 Too Many Requests; trying again/],
      ['redirects', [redirect('/elsewhere'), whole], undefined],
      ['compresses', [gzipped], undefined],
      ['says no length', [chunked], undefined],
      ['sends a broken file once', [truncated(9000), whole], /file is wrong.*again$/],
      ['sends more than it promises, once', [claiming(9000), whole], /./],
      ['promises more than it sends, once', [claiming(99_999), whole], /trying again/],
      [
        'answers a range with another one',
        [
          cutAfter(7000),
          (_request, response, file) =>
            void response
              .writeHead(206, { etag: etagOf(file), 'content-range': `bytes 0-9/${file.length}`, 'content-length': 10 })
              .end(file.subarray(0, 10)),
          whole,
        ],
        /another part of the file/,
      ],
      [
        'has another version of the file for the rest and ignores If-Range',
        [
          cutAfter(7000),
          (_request, response, file) =>
            void response
              .writeHead(206, {
                etag: '"other"',
                'content-range': `bytes 7000-${file.length - 1}/${file.length}`,
                'content-length': file.length - 7000,
              })
              .end(file.subarray(7000)),
          whole,
        ],
        /another part of the file/,
      ],
    ];
    for (const [what, answers, notice] of cases) {
      it(what, async () => {
        server.answer(...answers);
        const { path } = await pull();
        expectWhole(path);
        if (notice) expect(notices.join('\n')).to.match(new RegExp(notice, 'm'));
        else expect(notices).to.deep.equal([]);
      });
    }
  });

  it('requests only the missing rest, of the same version', async () => {
    server.answer(cutAfter(7000), whole);
    await pull();
    const [first, second] = server.requests.map(({ headers }) => headers);
    expect(first).not.to.have.property('range');
    expect(first!['accept-encoding']).to.equal('identity');
    expect(second).to.include({ range: 'bytes=7000-', 'if-range': etagOf(bytes) });
  });

  it('starts again if the server did not identify the version', async () => {
    const nameless: Answer = (_request, response, file) => {
      response.writeHead(200, { 'content-length': file.length, etag: 'W/"weak"' });
      response.write(file.subarray(0, 5000));
      setTimeout(() => response.destroy(), 20);
    };
    server.answer(nameless, whole);
    expectWhole((await pull()).path);
    expect(server.requests[1]!.headers).not.to.have.property('range');
  });

  it('continues the download of an earlier process, even if only the name was missing', async () => {
    server.answer(cutAfter(7000), status(404));
    await refusal();
    expect(files()).to.deep.equal(['weights.safetensors.part', 'weights.safetensors.part.json']);
    expect(readFileSync(join(folder, 'weights.safetensors.part'))).to.have.length(7000);
    server.answer(whole);
    expectWhole((await pull()).path);
    expect(server.requests[0]!.headers.range).to.equal('bytes=7000-');

    const path = cachedPath({ url }, folder);
    writeFileSync(`${path}.part`, bytes);
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: etagOf(bytes), total: bytes.length }));
    rmSync(path);
    server.answer(status(500));
    expectWhole((await pull()).path);
    expect(server.requests).to.have.length(0);
  });

  it('starts again if the file was replaced between two tries', async () => {
    const path = cachedPath({ url }, folder);
    writeFileSync(`${path}.part`, new Uint8Array(100));
    writeFileSync(`${path}.part.json`, JSON.stringify({ url, validator: '"older"', total: 200 }));
    server.answer(whole);
    expectWhole((await pull()).path);
    expect(server.requests[0]!.headers['if-range']).to.equal('"older"');
  });

  describe('ends with a remedy if', () => {
    it('the server has no such file', async () => {
      server.answer(status(404));
      const message = await refusal();
      expect(message).to.include(`${url}: the server answered 404 Not Found: `);
      expect(message).to.match(/mirror \(--from, MOGANET_MIRROR\)\.$/);
      expect(server.requests, 'no second try').to.have.length(1);
    });

    it('access is restricted', async () => {
      server.answer(status(403));
      expect(await refusal()).to.match(/403 Forbidden: .*mirror \(--from, MOGANET_MIRROR\)\.$/);
    });

    it('the server stays out of order', async () => {
      server.answer(status(502));
      const message = await refusal();
      expect(message).to.include(`${url}: the server answered 502 Bad Gateway, 3 times in a row. Try later`);
      expect(message).to.match(/mirror \(--from, MOGANET_MIRROR\)\.$/);
      expect(server.requests).to.have.length(3);
    });

    it('the server asks to retry much later', async () => {
      server.answer(status(429, { 'retry-after': '3600' }));
      const message = await refusal();
      expect(message).to.include(`${url}: the server answered 429 Too Many Requests and asks to retry after 3600 s.`);
      expect(message).to.match(/mirror \(--from, MOGANET_MIRROR\)\.$/);
      server.answer(status(503, { 'retry-after': new Date(Date.now() + 90_000).toUTCString() }));
      expect(await refusal()).to.match(/asks to retry after (89|90) s/);
    });

    it('the server stalls every time, and keeps the received bytes', async () => {
      server.answer(stallAfter(3000), stallAfter(0));
      const message = await refusal();
      expect(message).to.include(url).and.to.include('0.3 s, 3 times in a row. Try later');
      expect(message).to.match(
        /mirror \(--from, MOGANET_MIRROR\)\. The 3000 bytes .+ kept: the same command continues/,
      );
    });

    it('the server always promises more than it sends', async () => {
      server.answer(claiming(99_999));
      expect(await refusal()).to.match(/3 times in a row\. Try later/);
    });

    it('the server sends more than it promises', async () => {
      server.answer(claiming(9000));
      expect(await refusal()).to.match(/the connection broke|not a complete checkpoint/); // whichever Node notices first
    });

    it('the server sends less than the file, which its length cannot show', async () => {
      server.answer(truncated(9000));
      expect(await refusal()).to.match(/: .*not a complete checkpoint\. .+, tensor "weight": .+ cut short.+ mirror \(/);
      expect(files()).to.deep.equal([]);
      expect(server.requests).to.have.length(2);
    });

    it('the server sends a web page instead', async () => {
      server.answer(
        (_request, response) => void response.writeHead(200).end('<!DOCTYPE html><html>Please log in</html>'),
      );
      expect(await refusal()).to.match(/not a complete checkpoint\. .*HTML/);
    });

    it('the bytes are not those that were published', async () => {
      server.answer(corruptAt(bytes.length - 5));
      const known = sha256(bytes).slice(0, 8);
      expect(await refusal({ sha256: known })).to.match(
        new RegExp(`sha256 .+ is [0-9a-f]{64}, that of the published one begins with ${known}\\. .*mirror \\(`),
      );
      expect(files()).to.deep.equal([]);
      server.answer(whole);
      expectWhole((await pull({ sha256: known })).path);
    });

    it('the size is not the published one', async () => {
      server.answer(whole);
      const message = await refusal({ size: 100 });
      expect(message).to.match(
        new RegExp(`^${url}: .* ${bytes.length} bytes, the published one has 100\\..* mirror \\(`),
      );
      server.answer(chunked);
      expect(await refusal({ size: 100 })).to.include('the server sends more than 100 bytes');
    });

    it('the file differs from the one first seen', async () => {
      server.answer(whole);
      const { path } = await pull();
      rmSync(path);
      server.answer(corruptAt(bytes.length - 5));
      expect(await refusal())
        .to.include(`it was ${sha256(bytes)} when the file was first seen.`)
        .and.to.include(`remove ${path}.json and pull again`);
    });

    it('redirects never end', async () => {
      server.answer(redirect('/round'));
      expect(await refusal()).to.match(/redirect count exceeded\. .*mirror \(/);
    });

    it('no server answers', async () => {
      const closed = await serveFile(bytes);
      await closed.close();
      expect(await refusal({ from: closed.url })).to.match(
        /weights\.safetensors: the connection broke \(.*ECONNREFUSED.*\), 3 times in a row\. Try later/,
      );
    });

    it('the cache folder cannot be created', async () => {
      writeFileSync(join(folder, 'file'), '');
      expect(await refusal({ folder: join(folder, 'file', 'cache') })).to.match(
        /^the cache folder cannot be created: .* Set MOGANET_CACHE to another folder\.$/,
      );
    });

    it('the server redirects to another scheme, without another try', async () => {
      server.answer(redirect('file:///etc/passwd'));
      expect(await refusal()).to.match(/the server redirects to file:, which is not fetched.*mirror \(/);
      expect(server.requests).to.have.length(1);
      expect(notices).to.deep.equal([]);
    });

    it('the mirror is not a URL', async () => {
      const message = await refusal({ from: '/mnt/usb' }, ConfigError);
      expect(message).to.match(/mirror "\/mnt\/usb": give a URL that begins with http:\/\/ or https:\/\//);
    });
  });

  it('takes the file from a mirror, by folder, by URL or by environment', async () => {
    const far = 'http://127.0.0.1:1/release/weights.safetensors';
    const asked = async (from?: string) => {
      server.answer(whole);
      rmSync(folder, { recursive: true });
      await pull({ url: far, from });
      return server.requests[0]!.url;
    };
    expect(await asked(`${server.url}mirror/`)).to.equal('/mirror/weights.safetensors');
    expect(await asked(`${server.url}mirror`)).to.equal('/mirror/weights.safetensors');
    expect(await asked(`${server.url}other.pth`)).to.equal('/other.pth');
    process.env.MOGANET_MIRROR = `${server.url}by/environment`;
    try {
      expect(await asked()).to.equal('/by/environment/weights.safetensors');
      expect(await asked(`${server.url}rather/`)).to.equal('/rather/weights.safetensors');
    } finally {
      delete process.env.MOGANET_MIRROR;
    }
  });

  it('ends at once on a signal, and keeps the received bytes', async () => {
    server.answer(stallAfter(3000));
    const controller = new AbortController();
    const running = pull({
      signal: controller.signal,
      onBytes: (done) => {
        if (done === 3000) controller.abort(new Error('enough'));
      },
    });
    expect(await running.catch((error: Error) => error.message)).to.equal('enough');
    expect(files()).to.deep.equal(['weights.safetensors.part', 'weights.safetensors.part.json']);
  });

  describe('checks a file of the cache', () => {
    it('and refuses a changed one', async () => {
      server.answer(whole);
      const { path } = await pull();
      const other = bytes.slice();
      other[other.length - 1]! ^= 1;
      writeFileSync(path, other);
      const error = await pull().catch((reason: Error) => reason);
      expect(error).to.be.instanceOf(DownloadError);
      expect((error as Error).message).to.match(
        /weights\.safetensors: this is a different file: its sha256 is [0-9a-f]{64}, it was [0-9a-f]{64} when it was first seen\. Remove it and pull it again\.$/,
      );
    });

    it('but not one that was only touched', async () => {
      server.answer(whole);
      const { path } = await pull();
      utimesSync(path, new Date(0), new Date(0));
      expect((await pull()).cached).to.equal(true);
    });

    it('and takes one that somebody put there', async () => {
      writeFileSync(cachedPath({ url }, folder), bytes);
      server.answer(status(500));
      expect(await pull()).to.include({ cached: true, sha256: sha256(bytes) });
      expect(existsSync(`${cachedPath({ url }, folder)}.json`)).to.equal(true);
    });

    it('and fetches one of another size again', async () => {
      server.answer(whole);
      const { path } = await pull();
      writeFileSync(path, bytes.subarray(0, 100));
      expect(findCached({ url }, folder)).to.equal(undefined);
      expectWhole((await pull()).path);
    });
  });

  describe('while another process downloads the same file', () => {
    it('waits and takes its file', async () => {
      server.answer(
        (request, response, file) => void setTimeout(() => whole(request, response, file), 100),
        status(500),
      );
      const second: string[] = [];
      const [one, two] = await Promise.all([pull(), pull({ onNotice: (text) => second.push(text) })]);
      expect([one.cached, two.cached]).to.deep.equal([false, true]);
      expect(server.requests).to.have.length(1);
      expect(second).to.have.length(1);
      expect(second[0]).to.match(/^process \d+ on .+ weights\.safetensors; waiting for it$/);
      expectWhole(two.path);
    });

    it('continues if that process died', async () => {
      server.answer(cutAfter(7000), status(404));
      await refusal();
      writeFileSync(`${cachedPath({ url }, folder)}.lock`, JSON.stringify({ pid: 1, host: 'gone' }));
      server.answer(whole);
      expectWhole((await pull()).path);
      expect(notices.at(-1)).to.match(/^process 1 on gone .*weights\.safetensors; waiting/);
      expect(server.requests[0]!.headers.range).to.equal('bytes=7000-');
    });
  });
});

describe('a cache that cannot be written', () => {
  const root = useFolder();
  const url = 'http://127.0.0.1:1/release/weights.safetensors';
  let bytes: Uint8Array;
  let folder: string;

  before(async () => {
    const data = Float32Array.of(1, 2, 3);
    bytes = await writeSafetensors(new Map([['weight', { shape: [3], data }]]), {}).bytes();
  });
  beforeEach(() => {
    folder = mkdtempSync(join(root, 'cache-'));
    chmodSync(root, 0o755);
  });

  /** Runs as a user who may read the folder and not write it. Modes do not stop root, so it becomes another user for the time. */
  async function readOnly<T>(call: () => Promise<T>): Promise<T> {
    const isRoot = process.geteuid?.() === 0;
    chmodSync(folder, 0o555);
    if (isRoot) process.seteuid?.(65534);
    try {
      expect(() => writeFileSync(join(folder, 'probe'), '')).to.throw(/EACCES/);
      return await call();
    } finally {
      if (isRoot) process.seteuid?.(0);
      chmodSync(folder, 0o755);
    }
  }

  const windows = process.platform === 'win32';
  const pull = (options: PullFileOptions = {}) => pullFile({ url }, { folder, timing, ...options });

  it('serves a file that was copied into it, with and without a record', async function () {
    if (windows) this.skip(); // folders have no such modes there
    const path = join(folder, 'weights.safetensors');
    writeFileSync(path, bytes);
    const first = await readOnly(() => pull());
    expect(first).to.include({ path, cached: true, size: bytes.length, sha256: sha256(bytes) });
    expect(readdirSync(folder)).to.deep.equal(['weights.safetensors']);
    // a record whose time is another, as after a copy
    await pull();
    utimesSync(path, new Date(), new Date(Date.now() - 5000));
    expect(await readOnly(() => pull())).to.include({ path, cached: true, sha256: sha256(bytes) });
    expect(readdirSync(folder).sort()).to.deep.equal(['weights.safetensors', 'weights.safetensors.json']);
  });

  it('still refuses a file that is not the recorded one', async function () {
    if (windows) this.skip();
    const path = join(folder, 'weights.safetensors');
    writeFileSync(path, bytes);
    await pull();
    writeFileSync(
      path,
      bytes.map((byte, i) => (i === bytes.length - 1 ? byte ^ 1 : byte)),
    );
    const error = await rejection(readOnly(() => pull()));
    expect(error).to.be.instanceOf(DownloadError);
    expect(error.message).to.match(/this is a different file/);
  });

  it('refuses a download by a typed error with its path and a remedy', async function () {
    if (windows) this.skip();
    const server = await serveFile(bytes);
    try {
      const error = await rejection(readOnly(() => pull({ from: server.url })));
      expect(error).to.be.instanceOf(DownloadError);
      expect(error.message)
        .to.match(/^the cache cannot be written: EACCES: permission denied, open '.*weights\.safetensors\.lock/)
        .and.to.match(/Make it writable, or set MOGANET_CACHE to another folder\.$/)
        .and.to.include(folder);
      expect(server.requests).to.have.length(0);
    } finally {
      await server.close();
    }
  });

  it('says of a file that it cannot be read', async function () {
    if (windows) this.skip();
    const path = join(folder, 'weights.safetensors');
    writeFileSync(path, bytes, { mode: 0o000 });
    const error = await rejection(readOnly(() => pull()));
    expect(error).to.be.instanceOf(DownloadError);
    expect(error.message).to.match(/weights\.safetensors: the file cannot be read: EACCES/);
  });

  it('tells the faults of a disk from others', () => {
    const fault = (code: string) => Object.assign(new Error(`${code}: x, open '/cache/a'`), { code, syscall: 'open' });
    for (const [code, remedy] of [
      ['ENOSPC', 'Make room'],
      ['EDQUOT', 'Make room'],
      ['EROFS', 'Make it writable'],
      ['EACCES', 'Make it writable'],
      ['EIO', 'Repair that'],
    ] as const) {
      const error = diskFault(fault(code));
      expect(error).to.be.instanceOf(DownloadError);
      expect((error as Error).message).to.equal(
        `the cache cannot be written: ${code}: x, open '/cache/a'. ${remedy}, or set MOGANET_CACHE to another folder.`,
      );
    }
    for (const other of [fault('ECONNRESET'), new Error('x'), undefined, 'stopped']) {
      expect(diskFault(other)).to.equal(other);
    }
  });
});
