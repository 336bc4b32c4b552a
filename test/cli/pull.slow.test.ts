import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findEntry } from 'moganet';
import { moganet, startMoganet, useFolder } from '../harness/command_line.ts';
import { type FileServer, serveFile, stallAfter, whole } from '../harness/file_server.ts';
import { smallFile } from '../harness/small_model.ts';

describe('moganet pull, killed', () => {
  const cwd = useFolder();
  const env = { MOGANET_CACHE: join(cwd, 'cache') };
  const file = 'moganet_xtiny_sz224_8xbs128_ep300.pth.tar';
  let server: FileServer;

  before(async () => {
    server = await serveFile(await smallFile(findEntry('moganet_xt').config));
  });
  after(() => server.close());

  it('leaves a lock that the next process takes over after a while, and goes on with what came', async () => {
    const words = ['pull', 'moganet_xt', '--from', server.url];
    server.answer(stallAfter(3_000_000));
    const killed = startMoganet(words, { env });
    const part = join(env.MOGANET_CACHE, `${file}.part`);
    const came = () => statSync(part, { throwIfNoEntry: false })?.size ?? 0;
    for (let i = 0; i < 300 && came() < 3_000_000; i++) await new Promise((resolve) => setTimeout(resolve, 50));
    killed.process.kill('SIGKILL');
    await killed;
    expect(readdirSync(env.MOGANET_CACHE)).to.include(`${file}.lock`);
    server.answer(whole);
    const { code, stderr } = await moganet(words, { env });
    expect(code).to.equal(0);
    expect(stderr).to.match(new RegExp(`: process ${killed.process.pid} on .+ wait`));
    expect(server.requests.map(({ headers }) => headers.range)).to.deep.equal(['bytes=3000000-']);
    expect(readdirSync(env.MOGANET_CACHE).sort()).to.deep.equal([file, `${file}.json`]);
  });
});
