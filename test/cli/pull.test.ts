import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findEntry } from 'moganet';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { cutAfter, type FileServer, serveFile, stallAfter, status, whole } from '../harness/file_server.ts';
import { smallFile } from '../harness/small_model.ts';

const file = 'moganet_xtiny_sz224_8xbs128_ep300.pth.tar';

describe('moganet pull', () => {
  const cwd = useFolder();
  let server: FileServer;
  let size: string;
  let env: Record<string, string>;
  let folders = 0;

  before(async () => {
    const bytes = await smallFile(findEntry('moganet_xt').config);
    size = `${(bytes.length / 1e6).toFixed(1)} MB`;
    server = await serveFile(bytes);
    writeImage(join(cwd, 'a.png'), 1);
  });
  after(() => server.close());
  beforeEach(() => {
    env = { MOGANET_CACHE: join(cwd, `cache${folders++}`), MOGANET_MIRROR: server.url };
  });

  it('prints the path, size, terms and every wait', async () => {
    server.answer(cutAfter(5_000_000), whole);
    const { code, stdout, stderr } = await moganet(['pull', 'moganet-x-tiny'], { env });
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: `${join(env.MOGANET_CACHE!, file)}\n` });
    const [first, wait, ...rest] = stderr.split('\n');
    expect(first).to.match(new RegExp(`^\\w+ ${file}: ${size}$`));
    expect(wait).to.match(/^moganet_xtiny_.+: .*connection.* 1 s \(1 of 5\)$/);
    expect(rest[0]).to.match(new RegExp(`^moganet_xt: ${size}, sha256 [0-9a-f]{64}$`));
    expect(rest[1]).to.equal('terms: Apache-2.0 (github.com/Westlake-AI/MogaNet)');

    server.answer(status(500));
    const again = await moganet(['pull', 'moganet_xt'], { env });
    expect(again.stderr).to.match(/^moganet_xt: .+, already downloaded, sha256 /);
    const quiet = await moganet(['pull', 'moganet_xt', '--quiet'], { env });
    expect(quiet).to.include({ code: 0, stdout, stderr: '' });
    expect(server.requests).to.have.length(0);
    const listed = await moganet(['models', '--task', 'classification'], { env });
    expect(listed.stdout).to.match(/^moganet_xt {2}classification {2}in the cache\n/);
  });

  it('leaves no lock if it is interrupted, and continues the file afterwards', async () => {
    server.answer(stallAfter(3_000_000));
    const running = startMoganet(['pull', 'moganet_xt'], { env });
    const begun = () => readdirSync(cwd, { recursive: true }).some((path) => `${path}`.endsWith(`${file}.part`));
    for (let i = 0; i < 300 && !begun(); i++) await new Promise((resolve) => setTimeout(resolve, 50));
    running.process.kill('SIGINT');
    expect((await running).code).to.equal(130);
    expect(readdirSync(env.MOGANET_CACHE!).sort()).to.deep.equal([`${file}.part`, `${file}.part.json`]);
    server.answer(whole);
    expect((await moganet(['pull', 'moganet_xt'], { env })).code).to.equal(0);
    expect(server.requests[0]!.headers.range).to.match(/^bytes=[1-9]\d*-$/);
  });

  it('fails in one line with a remedy', async () => {
    server.answer(status(404));
    const { code, stdout, stderr } = await moganet(['pull', 'moganet_xt'], { env });
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(stderr).to.match(/^error: .* 404 Not Found.*--from, MOGANET_MIRROR.*\n$/);
    expect(stderr).to.include(`${server.url}${file}: `);
    const shipped = await moganet(['pull', 'facade'], { env });
    expect(shipped.code).to.equal(2);
    expect(shipped.stderr).to.match(/^error: .*facade.*package.*\n$/);
  });

  it('is part of other commands with --pull, and not needed by them afterwards', async () => {
    server.answer(whole);
    const words = ['classify', 'a.png', '--model', 'moganet_xt', '--top', '1'];
    const refused = await moganet(words, { env, cwd });
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.match(/\n {2}npm run -s moganet -- pull moganet_xt\n.*--pull/);
    const pulled = await moganet([...words, '--pull'], { env, cwd });
    expect(pulled.code).to.equal(0);
    expect(pulled.stderr.split('\n')[0]).to.match(new RegExp(`^\\w+ ${file}: ${size}$`));
    server.answer(status(500));
    const cached = await moganet(words, { env, cwd });
    expect(cached).to.include({ code: 0 });
    expect(cached.stderr).to.match(/^moganet \d/);
    expect(server.requests).to.have.length(0);
    // the file is known wherever it lies
    const path = join(env.MOGANET_CACHE!, file);
    const direct = await moganet(words.with(3, path), { env, cwd });
    expect(direct.stderr.split('\n')[0]).to.match(/: moganet_xt classifies into /);
  });
});
