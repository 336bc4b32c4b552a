import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { CheckpointError, ConfigError, ImageError, loadModel } from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { allowedThreads, coresIn, quotaIn } from '../../src/platform/node/cores.ts';
import { openWeights, readImage } from '../../src/platform/node/files.ts';
import { useFolder } from '../harness/command_line.ts';

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  const outcome = await promise.then(
    () => undefined,
    (error: Error) => error,
  );
  if (!outcome) throw new Error('nothing was thrown');
  return outcome;
}

describe('files of Node', () => {
  const folder = useFolder();
  const file = join(folder, 'a b#%.bin');
  let server: Server;
  let address: string;

  before(async () => {
    writeFileSync(file, Uint8Array.of(1, 2, 3));
    mkdirSync(join(folder, 'sub'));
    server = createServer((request, response) => {
      response.statusCode = request.url === '/a' ? 200 : 404;
      response.end(request.url === '/a' ? Uint8Array.of(1, 2, 3) : 'none');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it('are read by path, file URL, web URL, Blob and bytes', async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const refs = [
      file,
      pathToFileURL(file),
      pathToFileURL(file).href,
      `${address}/a`,
      new URL(`${address}/a`),
      new Blob([bytes]),
      bytes,
      bytes.buffer,
    ];
    for (const ref of refs) {
      expect([...(await readImage(ref))]).to.deep.equal([1, 2, 3]);
      const source = await openWeights(ref);
      expect(source.size).to.equal(3);
      expect([...(await source.read(1, 2))]).to.deep.equal([2, 3]);
      await source.close?.();
    }
  });

  it('are refused by name if they cannot be read', async () => {
    const gone = await errorOf(readImage(join(folder, 'gone.jpg')));
    expect(gone).to.be.instanceOf(ImageError);
    expect(gone.message).to.equal(`${join(folder, 'gone.jpg')}: there is no such file. Check the path.`);
    expect((await errorOf(readImage(join(folder, 'sub')))).message).to.equal(
      `${join(folder, 'sub')}: this is a folder. Give an image file.`,
    );
    expect((await errorOf(readImage(`${address}/b`))).message).to.equal(
      `${address}/b: the server answered 404 Not Found. Check the URL.`,
    );
    const weights = await errorOf(openWeights(`${address}/b`));
    expect(weights).to.be.instanceOf(CheckpointError);
    expect(weights.message).to.equal(`${address}/b: the server answered 404 Not Found. Check the URL.`);
    expect((await errorOf(readImage('http://127.0.0.1:1/x'))).message).to.match(
      /^http:\/\/127\.0\.0\.1:1\/x: .*(bad port|ECONNREFUSED)/,
    );
  });
});

describe('engines of Node', () => {
  it('are known by name', async () => {
    const error = await errorOf(openNodeEngine('onnx'));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.equal('unknown engine "onnx". Known: auto, onnxruntime, webgpu, ort-wasm, wasm, cpu.');
  });

  it('get one thread per physical core, as Linux tells them', () => {
    const processor = (physical: number, core: number) =>
      `processor\t: 0\nphysical id\t: ${physical}\ncore id\t\t: ${core}\n`;
    // two sockets of two cores, each core twice
    const text = [0, 1].flatMap((p) => [0, 1, 0, 1].map((c) => processor(p, c))).join('\n');
    expect(coresIn(text)).to.equal(4);
    expect(coresIn('processor\t: 0\nBogoMIPS\t: 50.00\n\nprocessor\t: 1\n')).to.equal(undefined);
  });

  it('get no more threads than the quota of a container, of both kinds of control groups', () => {
    const quota = (files: Readonly<Record<string, string>>) => quotaIn((path) => files[path]);
    const v2 = { '/proc/self/cgroup': '0::/\n' };
    expect(quota({ ...v2, '/sys/fs/cgroup/cpu.max': '100000 100000\n' })).to.equal(1);
    expect(quota({ ...v2, '/sys/fs/cgroup/cpu.max': '150000 100000\n' })).to.equal(1.5);
    expect(quota({ ...v2, '/sys/fs/cgroup/cpu.max': 'max 100000\n' })).to.equal(undefined);
    expect(quota({ '/sys/fs/cgroup/cpu.max': '50000 100000' }), 'without /proc/self/cgroup').to.equal(0.5);
    const nested = { '/proc/self/cgroup': '0::/kube.slice/pod1/main\n' };
    expect(
      quota({
        ...nested,
        '/sys/fs/cgroup/kube.slice/pod1/main/cpu.max': 'max 100000',
        '/sys/fs/cgroup/kube.slice/pod1/cpu.max': '300000 100000',
        '/sys/fs/cgroup/kube.slice/cpu.max': '800000 100000',
      }),
      'the least of those above',
    ).to.equal(3);
    const v1 = { '/proc/self/cgroup': '12:cpuset:/docker/1\n4:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n' };
    const folder = '/sys/fs/cgroup/cpu,cpuacct';
    const files = (quotaUs: string) => ({
      [`${folder}/cpu.cfs_quota_us`]: quotaUs,
      [`${folder}/cpu.cfs_period_us`]: '100000\n',
    });
    expect(quota({ ...v1, ...files('250000\n') })).to.equal(2.5);
    expect(quota({ ...v1, ...files('-1\n') })).to.equal(undefined);
    expect(quota(v1)).to.equal(undefined);
    expect(quota({})).to.equal(undefined);
  });

  it('get no more threads than the process may use, and at least one', () => {
    expect(allowedThreads(1, 2)).to.equal(1);
    expect(allowedThreads(999_999, 2)).to.equal(2);
    for (const [threads, found] of [
      [0, '0'],
      [-3, '-3'],
      [1.5, '1.5'],
      [Number.NaN, 'NaN'],
      ['2', '"2"'],
      [null, 'null'],
    ]) {
      expect(() => allowedThreads(threads)).to.throw(
        ConfigError,
        new RegExp(`\`threads\` .* whole number .*1, got ${found}\\. By default it is \\d`),
      );
    }
  });

  it('refuse threads that have no effect', async () => {
    const wasm = await errorOf(loadModel('facade', { engine: 'wasm', threads: 2 }));
    expect(wasm).to.be.instanceOf(ConfigError);
    expect(wasm.message).to.match(/`threads` .* onnxruntime and ort-wasm: wasm has one thread/);
    const engine = await openNodeEngine('cpu');
    const started = await errorOf(loadModel('facade', { engine, threads: 2 }));
    expect(started).to.be.instanceOf(ConfigError);
    expect(started.message).to.match(/`threads` .* started already/);
    await engine.dispose();
  });

  it('refuse an invalid number of threads before anything starts', async () => {
    const error = await errorOf(loadModel('facade', { engine: 'wasm', threads: 0 }));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.match(/`threads` .* got 0\./);
  });
});
