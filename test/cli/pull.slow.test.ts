import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { findEntry } from 'moganet';
import { moganet, startMoganet, useFolder } from '../harness/command_line.ts';
import { type FileServer, serveFile, stallAfter, status, whole } from '../harness/file_server.ts';
import { smallFile } from '../harness/small_model.ts';

describe('moganet pull in several processes', () => {
  const cwd = useFolder();
  const file = 'moganet_xtiny_sz224_8xbs128_ep300.pth.tar';
  let server: FileServer;

  before(async () => {
    server = await serveFile(await smallFile(findEntry('moganet_xt').config));
  });
  after(() => server.close());

  it('is done once by two processes at the same time', async () => {
    const env = { MOGANET_CACHE: join(cwd, 'twice'), MOGANET_MIRROR: server.url };
    server.answer(
      (request, response, bytes) => void setTimeout(() => whole(request, response, bytes), 3000),
      status(500),
    );
    const words = ['pull', 'moganet_xt'];
    const both = await Promise.all([startMoganet(words, { env }), startMoganet(words, { env })]);
    expect(both.map(({ code }) => code)).to.deep.equal([0, 0]);
    expect(both[0].stdout).to.equal(both[1].stdout);
    expect(server.requests).to.have.length(1);
    expect(both.map(({ stderr }) => stderr).join('')).to.match(/: process \d+ on .+ moganet_xtiny\S+ .*wait/);
    expect(readdirSync(env.MOGANET_CACHE).sort()).to.deep.equal([file, `${file}.json`]);
  });

  it('leaves a lock if it is killed, which the next process takes over after a while to continue the file', async () => {
    const env = { MOGANET_CACHE: join(cwd, 'killed') };
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
