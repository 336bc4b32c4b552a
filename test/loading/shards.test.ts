import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { convertCheckpoints, openFileSource, readConfig, readModel } from 'moganet';
import type { NDArray } from '../../src/arrays.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import { configKey } from '../../src/loading/recognise.ts';
import { serveFile } from '../harness/file_server.ts';
import { refusalOf } from '../harness/rejection.ts';
import { smallDetection, smallWeights } from '../harness/small_model.ts';

const name = 'model.safetensors.index.json';
const weights = smallWeights(smallDetection);
const shardNames = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;

describe('a checkpoint in several files as weights', () => {
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'moganet-shards-'));
    const parts: [Map<string, NDArray>, Map<string, NDArray>] = [new Map(), new Map()];
    const map: Record<string, string> = {};
    for (const [i, [key, value]] of [...weights].entries()) {
      const part = (i % 2) as 0 | 1;
      parts[part].set(key, value);
      map[key] = shardNames[part];
    }
    for (const [i, part] of parts.entries()) {
      const metadata: Record<string, string> = i === 0 ? { [configKey]: JSON.stringify(smallDetection) } : {};
      writeFileSync(join(folder, shardNames[i as 0 | 1]), await writeSafetensors(part, metadata).bytes());
    }
    writeFileSync(join(folder, name), JSON.stringify({ metadata: { total_size: 1 }, weight_map: map }));
  });
  after(() => rmSync(folder, { recursive: true }));

  const expectWhole = async (ref: string | URL) => {
    const read = await readModel({ weights: ref });
    for (const [key, { data }] of weights) {
      if (read.weights.has(key)) expect(read.weights.get(key)?.data, key).to.deep.equal(data);
    }
    expect(read.definition.config.name).to.equal('small_detection');
  };

  it('is read by the path or URL of its index, or by its folder', async () => {
    for (const ref of [join(folder, name), pathToFileURL(join(folder, name)), folder]) await expectWhole(ref);
    expect((await readConfig(folder)).name).to.equal('small_detection');
  });

  it('is read by an address, with the shards at the same address', async () => {
    const server = await serveFile(new Uint8Array());
    server.answer(({ url = '' }, response) => {
      response.end(readFileSync(join(folder, new URL(url, server.url).pathname)));
    });
    try {
      await expectWhole(`${server.url}${name}?download=true`);
    } finally {
      await server.close();
    }
  });

  it('becomes one file', async () => {
    const source = await openFileSource(join(folder, name));
    try {
      const { output, tensors } = await convertCheckpoints([{ source }]);
      expect(tensors).to.be.greaterThan(50);
      writeFileSync(join(folder, 'whole.safetensors'), await output.bytes());
    } finally {
      await source.close();
    }
    await expectWhole(join(folder, 'whole.safetensors'));
  });

  it('is refused without its index, which is named', async () => {
    for (const shard of shardNames) {
      const refusal = await refusalOf(() => readModel({ weights: join(folder, shard) }));
      expect(refusal.message).to.contain('one file of 2').and.to.contain(`Give their index: ${name}`);
    }
  });

  it('is refused as bytes, which have nothing beside them', async () => {
    const index = new TextEncoder().encode(JSON.stringify({ weight_map: { a: shardNames[0] } }));
    const refusal = await refusalOf(() => readModel({ weights: index }));
    expect(refusal.message).to.contain('index of a checkpoint in several files').and.to.contain('by its path or URL');
  });

  it('is refused if a shard is missing, by the path at which it should be', async () => {
    const path = join(folder, 'lonely.index.json');
    writeFileSync(path, JSON.stringify({ weight_map: { a: 'gone.safetensors' } }));
    const refusal = await refusalOf(() => readModel({ weights: path }));
    expect(refusal.file).to.equal(join(folder, 'gone.safetensors'));
    const several = await refusalOf(() => readModel({ weights: folder }));
    expect(several.message).to.contain(
      'several indexes of shards: "lonely.index.json", "model.safetensors.index.json"',
    );
    rmSync(path);
  });
});
