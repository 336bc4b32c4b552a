import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  ConfigError,
  cachedWeights,
  DownloadError,
  entries,
  findEntry,
  loadModel,
  type Progress,
  pullModel,
  type ReadOptions,
  UnsupportedError,
} from 'moganet';
import { bytesSource } from '../../src/formats/index.ts';
import { modelReader } from '../../src/loading/read_model.ts';
import { readImage } from '../../src/platform/browser.ts';
import type { Platform } from '../../src/platform/contract.ts';
import { hashInName } from '../../src/zoo/index.ts';
import { useCache } from '../harness/cache.ts';
import { type FileServer, serveFile, status, whole } from '../harness/file_server.ts';
import { refusalOf, rejection } from '../harness/rejection.ts';
import { smallClassification, smallFile } from '../harness/small_model.ts';

describe('published weights', () => {
  const cache = useCache();
  const entry = findEntry('moganet_xt');
  const file = 'moganet_xtiny_sz224_8xbs128_ep300.pth.tar';
  let server: FileServer;
  let size: number;

  before(async () => {
    const bytes = await smallFile(entry.config);
    size = bytes.length;
    server = await serveFile(bytes);
    cache.mirror(server.url);
  });
  after(() => server.close());

  it('are not fetched without permission, and the error names the command', async () => {
    const error = await rejection(loadModel('moganet_xtiny'));
    expect(error).to.be.instanceOf(UnsupportedError);
    expect(error.message).to.match(/moganet_xt .*moganet pull moganet_xt .*\{ pull: true \}/);
    expect(server.requests).to.have.length(0);
    expect(readdirSync(cache.folder)).to.deep.equal([]);
    expect(cachedWeights(entry)).to.equal(undefined);
  });

  it('are pulled with it, which reports the size first and names waits, and stay', async () => {
    server.answer(status(500), whole);
    const progress: Progress[] = [];
    const model = await loadModel('moganet_xt', {
      engine: 'cpu',
      pull: true,
      onProgress: (step) => progress.push(step),
    });
    expect(model.name).to.equal('moganet_xt');
    await model.dispose();
    const downloads = progress.filter(({ stage }) => stage === 'download');
    expect(downloads[0]?.notice).to.match(/^the server answered 500 Internal Server Error; trying again in 1 s/);
    expect(downloads[1]).to.include({ stage: 'download', done: 0, total: size, text: file });
    expect(downloads.at(-1)).to.include({ stage: 'download', done: size, total: size, text: file });
    expect(cachedWeights(entry)).to.equal(join(cache.folder, file));
  });

  it('are taken from the cache without a report and without a connection', async () => {
    server.answer(status(500));
    const stages = new Set<string>();
    const model = await loadModel('moganet_xt', { engine: 'cpu', onProgress: ({ stage }) => stages.add(stage) });
    await model.dispose();
    expect(stages).not.to.include('download');
    expect(server.requests).to.have.length(0);
  });

  it('are pulled by name as well', async () => {
    const pulled = await pullModel('moganet-x-tiny');
    expect(pulled).to.include({ path: join(cache.folder, file), size, cached: true });
    expect(pulled.entry).to.equal(entry);
  });

  it('are refused, and leave nothing behind, if a server gives the file of another model', async () => {
    const other = await serveFile(await smallFile(smallClassification));
    try {
      const error = await rejection(pullModel('moganet_t', { from: other.url }));
      expect(error).to.be.instanceOf(DownloadError);
      expect(error.message).to.contain("this is another model's file").and.to.contain('does not fit the model');
      expect(other.requests).to.have.length(1);
      expect(readdirSync(cache.folder).filter((name) => name.includes('moganet_tiny'))).to.deep.equal([]);
    } finally {
      await other.close();
    }
  });

  it('of PyTorch and OpenMMLab have the beginning of their hash in their name, in every entry and for an address', async () => {
    const named = entries.filter(({ weights }) => /download\.(pytorch\.org|openmmlab\.com)/.test(weights?.url ?? ''));
    expect(named).to.have.length(19);
    for (const { name, weights } of named) {
      expect(weights?.sha256, name).to.match(/^[0-9a-f]{8}$/);
      expect(weights?.url, name).to.match(new RegExp(`-${weights?.sha256}(_\\d{8})?\\.pth$`));
    }
    expect(hashInName('https://example.org/resnet-0676ba61.pth')).to.equal(undefined);
    const url = named.find(({ name }) => name.startsWith('upernet_r50'))?.weights?.url ?? '';
    const bytes = await smallFile(smallClassification);
    const page = { openWeights: async () => bytesSource(bytes, url) } as unknown as Platform;
    const error = await refusalOf(() => modelReader(page)({ weights: url }));
    expect(error.code).to.equal('checksum');
    expect(error.reason).to.match(/^its sha256 is [0-9a-f]{64}, and by its name it begins with 8534de8d$/);
  });

  it('are refused if they were changed since', async () => {
    writeFileSync(join(cache.folder, file), Buffer.alloc(size));
    expect(await rejection(loadModel('moganet_xt'))).to.be.instanceOf(DownloadError);
  });

  it('that come with the package or exist nowhere are not pulled', async () => {
    const shipped = await rejection(pullModel('facade'));
    expect(shipped).to.be.instanceOf(ConfigError);
    expect(shipped.message).to.equal('the weights of facade are part of the package: there is nothing to pull.');
    const none = await rejection(pullModel('upernet_moganet_xl_512x512_160k_ade20k'));
    expect(none.message).to.match(/no published weights of upernet_moganet_xl_512x512_160k_ade20k\..*as weights/);
  });

  it('are fetched by a browser from their URL or a mirror, if the caller allows it', async () => {
    const asked: unknown[] = [];
    const read = modelReader({
      openWeights: (weights) => {
        asked.push(weights);
        return Promise.reject(new Error('no network here'));
      },
      readImage,
      shippedWeights: (name) => name,
      decodeImage: () => Promise.reject(new Error('no image here')),
      engines: [],
      openEngine: () => Promise.reject(new Error('no engine here')),
    });
    const url = entry.weights?.url ?? '';
    const { message } = await rejection(read('moganet_xt'));
    expect(message).to.include(`Serve the file of ${url}`).and.to.include('from: ');
    expect(asked).to.deep.equal([]);
    const allowed: readonly ReadOptions[] = [
      { pull: true },
      { from: '/models/' },
      { from: 'https://my.host/xt.safetensors' },
    ];
    for (const options of allowed) {
      expect((await rejection(read('moganet_xt', options))).message).to.equal('no network here');
    }
    const name = url.slice(url.lastIndexOf('/') + 1);
    expect(asked).to.deep.equal([url, `/models/${name}`, 'https://my.host/xt.safetensors']);
  });

  it('take no `from` if they are shipped, and no `cache`, in Node', async () => {
    expect((await rejection(loadModel('facade', { from: 'https://my.host/' }))).message).to.match(
      /part of the package.*`from`/,
    );
    expect((await rejection(loadModel('facade', { cache: true }))).message).to.match(
      /`cache` is an option in a browser/,
    );
    for (const [options, fact] of [
      [{ cache: 5 }, 'true, false or the name of a cache, got 5'],
      [{ from: '' }, 'from'],
    ] as const) {
      expect((await rejection(loadModel('facade', options as object))).message).to.include(fact);
    }
  });
});
