import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { framesOf } from '../../src/formats/frames.ts';
import { decodeImage, encodePng } from '../../src/node.ts';
import { moganet } from '../harness/command_line.ts';

/** Three pictures of 48×32 pixels that differ. */
const pictures = [1, 2, 3].map((seed) => ({
  width: 48,
  height: 32,
  data: Uint8ClampedArray.from({ length: 4 * 48 * 32 }, (_, i) => (i % 4 === 3 ? 255 : ((i >> 4) * seed * 29) % 256)),
}));
const files = pictures.map(encodePng);
const small = ['--size', '64', '--engine', 'onnxruntime', '--threads', '1'];

describe('moganet predict - --frames', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'moganet-frames-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('runs the frames of a pipe one by one, with the results of the same pictures as files', async () => {
    for (const [i, bytes] of files.entries()) writeFileSync(join(folder, `${i}.png`), bytes);
    const alone = await moganet(['detect', '0.png', '1.png', '2.png', '--json', '--score', '0', ...small], {
      cwd: folder,
    });
    const input = Buffer.concat(files);
    const piped = await moganet(['detect', '-', '--frames', 'auto', '--json', '--score', '0', ...small], { input });
    expect(piped.code).to.equal(0);
    const [ones, others] = [alone, piped].map(({ stdout }) => JSON.parse(stdout).results);
    expect(others.map(({ file }: { file: string }) => file)).to.deep.equal([
      'frame-000001',
      'frame-000002',
      'frame-000003',
    ]);
    const nameless = (list: readonly { file: string }[]) => list.map((one) => ({ ...one, file: '' }));
    expect(nameless(others)).to.deep.equal(nameless(ones));
    expect(ones[0].detection.length).to.be.greaterThan(0);
  });

  it('takes raw frames, and names their files by number', async () => {
    const input = Buffer.concat(pictures.map(({ data }) => new Uint8Array(data.buffer)));
    const words = [
      'detect',
      '-',
      '--frames',
      '48x32:rgba',
      '--out',
      join(folder, 'raw'),
      '--save',
      'overlay,json',
      ...small,
    ];
    const { code } = await moganet(words, { input });
    expect(code).to.equal(0);
    expect(readdirSync(join(folder, 'raw'))).to.deep.equal(
      [1, 2, 3].flatMap((i) => [`frame-00000${i}.detections.png`, `frame-00000${i}.result.json`]),
    );
    const again = await moganet(words, { input });
    expect(again).to.include({ code: 1 });
    expect(again.stderr).to.contain('frame-000001').and.to.contain('--overwrite');
    expect((await moganet([...words, '--overwrite'], { input })).code).to.equal(0);
  });

  it('writes the pictures of all frames to stdout, one after another', async () => {
    const input = Buffer.concat(files);
    const { code, bytes } = await moganet(['detect', '-', '--frames', 'auto', '--out', '-', ...small], { input });
    expect(code).to.equal(0);
    const sizes: string[] = [];
    const pipe = (async function* () {
      yield new Uint8Array(bytes);
    })();
    for await (const frame of framesOf(pipe)) {
      const { width, height } = await decodeImage(frame as Uint8Array);
      sizes.push(`${width}×${height}`);
    }
    expect(sizes).to.deep.equal(['48×32', '48×32', '48×32']);
  });

  it('gives the frames before one that is cut short, and names that one', async () => {
    const whole = Buffer.concat(files);
    const words = ['detect', '-', '--frames', 'auto', '--json', ...small];
    const { code, stdout } = await moganet(words, { input: whole.subarray(0, whole.length - 20) });
    expect(code).to.equal(3);
    const { results, failures } = JSON.parse(stdout);
    expect(results).to.have.lengthOf(2);
    expect(failures).to.have.lengthOf(1);
    expect(failures[0].file).to.equal('frame-000003');
    expect(failures[0].error).to.contain('the stream ends inside it');
  });

  it('says that no frame came', async () => {
    const { code, stderr } = await moganet(['detect', '-', '--frames', 'auto', '--json', ...small], {
      input: new Uint8Array(),
    });
    expect(code).to.equal(1);
    expect(stderr).to.contain('stdin has no frames');
  });

  it('refuses what does not fit, before anything is loaded', async () => {
    const refused = async (words: readonly string[], ...texts: readonly string[]) => {
      const { code, stderr } = await moganet(words, { input: new Uint8Array() });
      expect(code, stderr).to.equal(2);
      for (const text of texts) expect(stderr).to.contain(text);
    };
    await refused(['predict', 'a.png', '--frames', 'auto'], '--frames', 'stdin');
    await refused(['predict', '-', '--frames', 'yuv'], '1280x720:rgb24');
    await refused(['predict', '-', '--frames', '0x9:rgba'], '1280x720:rgb24');
    await refused(
      ['predict', '-', '--frames', 'auto', '--save', 'labelme', '--out', 'x', '--names', 'stem'],
      '--names',
    );
  });

  it('refuses a video as an image, with the command that cuts it', async () => {
    const video = join(folder, "it's a clip.mp4");
    writeFileSync(video, '\0\0\0\x18ftypmp42\0\0\0\0mp42isom');
    const named = await moganet(['predict', "it's a clip.mp4"], { cwd: folder });
    expect(named.code).to.equal(2);
    expect(named.stderr).to.contain(`ffmpeg -i 'it'\\''s a clip.mp4' -f image2pipe`);
    const piped = await moganet(['predict', '-'], { input: readFileSync(video) });
    expect(piped.code).to.equal(2);
    expect(piped.stderr).to.contain('stdin is an MP4 video').and.to.contain('ffmpeg -i in.mp4 -f image2pipe');
    const disguised = join(folder, 'clip.png');
    writeFileSync(disguised, readFileSync(video));
    const { code, stderr } = await moganet(['predict', 'clip.png', ...small, '--out', 'none'], { cwd: folder });
    expect(code).to.equal(1);
    expect(stderr).to.contain('MP4 video').and.to.contain('ffmpeg -i clip.png');
  });
});
