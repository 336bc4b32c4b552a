import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect } from 'chai';
import { findInputs, type Input, type LeftOut, leftOutText, outputNames } from '../../src/cli/inputs.ts';
import { filesMatching, isPattern, partsOf } from '../../src/cli/patterns.ts';
import { useFolder, writeImage } from '../harness/command_line.ts';

/** Outputs for files in one folder. */
const named = (...files: string[]): string[] =>
  outputNames(
    files.map((file) => ({ file, folder: '' })),
    'out',
    ['detections.png'],
  ).flat();

describe('names of outputs', () => {
  it('are the stem, the kind and png', () => {
    expect(named('a.jpg', 'b.c.JPEG', '.hidden', 'plain')).to.deep.equal([
      join('out', 'a.detections.png'),
      join('out', 'b.c.detections.png'),
      join('out', '.hidden.detections.png'),
      join('out', 'plain.detections.png'),
    ]);
  });

  it('are whole file names if stems are equal', () => {
    expect(named('a.b.jpg', 'a.b.png', 'c.jpg')).to.deep.equal([
      join('out', 'a.b.jpg.detections.png'),
      join('out', 'a.b.png.detections.png'),
      join('out', 'c.detections.png'),
    ]);
  });

  it('stay different if a whole name is the stem of another', () => {
    const names = named('x.jpg', 'x.png', 'x.jpg.png');
    expect(new Set(names).size).to.equal(3);
    expect(names[2]).to.equal(join('out', 'x.jpg.png.detections.png'));
  });

  it('keep folders apart', () => {
    const inputs = [
      { file: 'a/x.jpg', folder: 'a' },
      { file: 'b/x.jpg', folder: 'b' },
    ];
    expect(outputNames(inputs, 'out', ['detections.png', 'segmentation.png'])).to.deep.equal([
      [join('out', 'a', 'x.detections.png'), join('out', 'a', 'x.segmentation.png')],
      [join('out', 'b', 'x.detections.png'), join('out', 'b', 'x.segmentation.png')],
    ]);
  });
});

describe('inputs of the command line', () => {
  const folder = useFolder();
  const at = (...path: string[]) => join(folder, ...path);
  const foldersOf = async (...words: string[]) =>
    (await findInputs(words, { recursive: true })).map((one) => one.folder);

  before(() => {
    for (const file of ['p/a.png', 'p/b.JPG', 'p/deep/c.jpeg', 'q/d.png']) writeImage(at(file));
  });

  it('are the images of a folder in order, deeper ones on demand', async () => {
    const names = async (recursive: boolean) =>
      (await findInputs([at('p')], { recursive })).map(({ file }) => file.split(sep).at(-1));
    expect(await names(false)).to.deep.equal(['a.png', 'b.JPG']);
    expect(await names(true)).to.deep.equal(['a.png', 'b.JPG', 'c.jpeg']);
  });

  it('are found once if a link leads back to a folder above', function () {
    if (process.platform === 'win32') this.skip();
    writeImage(at('loop', 'deep', 'e.png'));
    symlinkSync('..', at('loop', 'deep', 'back'));
    symlinkSync('e.png', at('loop', 'deep', 'another.png'));
    return findInputs([at('loop')], { recursive: true }).then((inputs) =>
      expect(inputs.map(({ file }) => file)).to.deep.equal([
        at('loop', 'deep', 'another.png'),
        at('loop', 'deep', 'e.png'),
      ]),
    );
  });

  it('keep the folders below the common folder of all arguments', async () => {
    expect(await foldersOf(at('p', 'deep', 'c.jpeg'))).to.deep.equal(['']);
    expect(await foldersOf(at('p'))).to.deep.equal(['', '', 'deep']);
    expect(await foldersOf(at('p', 'a.png'), at('q', 'd.png'))).to.deep.equal(['p', 'q']);
    expect(await foldersOf(at('p', '**', '*.jpeg'))).to.deep.equal(['deep']);
  });

  it('may be URLs, which stay as they are; outputs are named after the last part', async () => {
    const words = ['https://example.com/a%20b/x%20y.jpg?width=3', 'http://example.com', at('p', 'a.png')];
    const inputs = await findInputs(words);
    expect(inputs.map(({ file }) => file).slice(0, 2)).to.deep.equal(words.slice(0, 2));
    expect(outputNames(inputs, 'out', ['detections.png']).flat()).to.deep.equal([
      join('out', 'x y.detections.png'),
      join('out', 'example.detections.png'),
      join('out', 'a.detections.png'),
    ]);
  });

  it('are taken once, however often they are named', async () => {
    expect(await findInputs([at('p', 'a.png'), at('p'), at('p', 'a.*')])).to.have.length(2);
  });

  it('are JPEG and PNG files by any usual ending; what else is there is counted by its ending', async () => {
    for (const file of [
      'a.jpg',
      'b.jfif',
      'c.JPE',
      'd.Png',
      'e.jif',
      'f.webp',
      'g.WEBP',
      'h.bmp',
      'noending',
      '.hidden',
    ]) {
      writeImage(at('mixed', file));
    }
    const leftOut: LeftOut[] = [];
    const onLeftOut = (one: LeftOut) => void leftOut.push(one);
    const names = (inputs: readonly Input[]) => inputs.map(({ file }) => file.split(sep).at(-1));
    expect(names(await findInputs([at('mixed')], { onLeftOut }))).to.deep.equal([
      'a.jpg',
      'b.jfif',
      'c.JPE',
      'd.Png',
      'e.jif',
    ]);
    expect(leftOut).to.deep.equal([{ argument: at('mixed'), endings: { '.webp': 2, '': 1, '.bmp': 1 }, outputs: 0 }]);
    expect(leftOutText({ ...leftOut[0]!, argument: 'mixed' })).to.match(
      /^mixed: left out 2 \.webp, 1 without an ending, 1 \.bmp\. .* \.jpg .*\.jfif .*\.png /,
    );
    expect(names(await findInputs([at('mixed', '*.png')]))).to.deep.equal(['d.Png']);
    expect(names(await findInputs([at('mixed', 'noending')]))).to.deep.equal(['noending']);
  });

  it('names the endings of a folder and of a pattern that have no image', async () => {
    writeImage(at('others', 'x.webp'));
    const message = await findInputs([at('others')]).catch((error: Error) => error.message);
    expect(message).to.match(/others: no JPEG or PNG file in this folder\. .*1 \.webp/);
    const [none] = await findInputs([at('others', '*')]);
    expect(none?.missing).to.match(/no JPEG or PNG file matches .*1 \.webp/);
  });

  it('say which folders and files this user may not read', async function () {
    if (process.geteuid === undefined) return this.skip(); // Windows has no modes
    const isRoot = process.geteuid() === 0;
    for (const file of ['shut/open/e.png', 'shut/closed/f.png']) writeImage(at(file));
    mkdirSync(at('shut/nothing'));
    writeFileSync(at('shut/open/film'), '');
    chmodSync(folder, 0o755);
    for (const path of ['shut/closed', 'shut/open/film']) chmodSync(at(path), 0);
    if (isRoot) process.seteuid?.(65534); // modes do not stop root
    try {
      expect(() => readdirSync(at('shut/closed'))).to.throw(/EACCES/);
      const missing = 'this user may not read this folder.';
      const shut = { file: at('shut/closed'), folder: '', missing };
      expect(await findInputs([at('shut/closed')])).to.deep.equal([shut]);
      expect(await findInputs([at('shut')], { recursive: true })).to.deep.equal([
        { file: at('shut/open/e.png'), folder: 'open' },
        shut,
      ]);
      const [pattern] = await findInputs([at('shut/closed/*.png')]);
      expect(pattern?.missing).to.equal(missing);
      // whoever reads it says why it cannot
      expect(await findInputs([at('shut/open/film')])).to.deep.equal([{ file: at('shut/open/film'), folder: '' }]);
      expect((await findInputs([at('shut/closed/film')])).map((one) => one.file)).to.deep.equal([
        at('shut/closed/film'),
      ]);
    } finally {
      if (isRoot) process.seteuid?.(0);
      for (const path of ['shut/closed', 'shut/open/film']) chmodSync(at(path), 0o755);
    }
  });

  it('are not the outputs of an earlier run', async () => {
    const own = ['detections', 'segmentation', 'classification', 'overlay', 'labels', 'masks'];
    for (const name of own) writeImage(at('again', `photo.${name}.png`));
    writeImage(at('again', 'photo.png'));
    writeImage(at('again', 'out', 'stranger.png'));
    const leftOut: LeftOut[] = [];
    const options = { recursive: true, out: at('again', 'out'), onLeftOut: (one: LeftOut) => void leftOut.push(one) };
    const files = async (word: string, more = {}) =>
      (await findInputs([word], { ...options, ...more })).map(({ file }) => file.slice(at('again').length + 1));
    expect(await files(at('again'))).to.deep.equal(['photo.png']);
    expect(leftOut).to.deep.equal([{ argument: at('again'), endings: {}, outputs: 7 }]);
    expect(await files(at('again'), { out: at('elsewhere') })).to.deep.equal([
      join('out', 'stranger.png'),
      'photo.png',
    ]);
    expect(await files(at('again', 'out'))).to.deep.equal([join('out', 'stranger.png')]);
    expect(await files(at('again', '*.png'))).to.deep.equal(['photo.png']);
    // named, they are meant
    expect(await files(at('again', '*.masks.png'))).to.deep.equal(['photo.masks.png']);
    expect(await files(at('again', 'photo.labels.png'))).to.deep.equal(['photo.labels.png']);
  });

  it('are what exists literally, whatever characters its folder has, and keep their folders alike', async () => {
    for (const folderName of ['photos (1)', '[2024] pics', 'a{b}', 'win!x', '+(1)']) {
      writeImage(at('odd', folderName, 'x.png'));
      writeImage(at('odd', folderName, 'deep', 'y (1).jpg'));
      for (const [pattern, expected] of [
        ['*.png', 'x.png'],
        ['*.{png,webp}', 'x.png'],
        ['?.@(png|gif)', 'x.png'],
        ['**/y (1).jpg', join('deep', 'y (1).jpg')],
        ['d*/y (?).jpg', join('deep', 'y (1).jpg')],
      ] as const) {
        const inputs = await findInputs([at('odd', folderName, pattern)]);
        const found = inputs.map(({ file, folder, missing }) => [file, folder, missing]);
        const expectedFolder = expected.includes('deep') ? 'deep' : '';
        expect(found, `${folderName}/${pattern}`).to.deep.equal([
          [at('odd', folderName, expected), expectedFolder, undefined],
        ]);
      }
    }
    const all = await findInputs([at('odd', '**', '[2024] pics', '*.png')]);
    expect(all.map(({ file }) => file)).to.deep.equal([at('odd', '[2024] pics', 'x.png')]);
  });

  it('are found by a name whose accents are written the other way', async () => {
    const [composed, apart] = ['caf\u00e9', 'cafe\u0301'];
    writeImage(at('accents', apart, `${apart}.png`));
    const [one] = await findInputs([at('accents', composed, `${composed}.png`)]);
    expect(existsSync(one!.file)).to.equal(true);
    const [two] = await findInputs([at('accents', composed, '*.png')]);
    expect(existsSync(two!.file)).to.equal(true);
  });
});

describe('patterns on Windows', () => {
  const folder = useFolder();
  it('are taken apart at both separators', () => {
    const cases = {
      'photos\\*.jpg': { root: '', parts: ['photos', '*.jpg'] },
      'C:\\photos\\*.jpg': { root: 'C:/', parts: ['C:', 'photos', '*.jpg'].slice(1) },
      'C:\\my photos (1)\\IMG_*.jpg': { root: 'C:/', parts: ['my photos (1)', 'IMG_*.jpg'] },
      '\\\\server\\share\\p\\*.png': { root: '//server/share/', parts: ['p', '*.png'] },
      '.\\*.{jpg,png}': { root: '', parts: ['*.{jpg,png}'] },
      'photos/*.jpg': { root: '', parts: ['photos', '*.jpg'] },
    };
    for (const [pattern, expected] of Object.entries(cases)) {
      expect(partsOf(pattern, true), pattern).to.deep.equal(expected);
      expect(isPattern(pattern, true), pattern).to.equal(true);
    }
    expect(isPattern('C:\\photos\\a.jpg', true)).to.equal(false);
  });

  it('find files with back slashes', async () => {
    writeImage(join(folder, 'photos', 'a.jpg'));
    const pattern = `${folder.replaceAll('/', '\\')}\\photos\\*.jpg`;
    const { root, files } = await filesMatching(pattern, true);
    expect(files).to.deep.equal([join(folder, 'photos', 'a.jpg').split(sep).join('/')]);
    expect(root).to.equal(join(folder, 'photos'));
  });

  it('escape with a back slash elsewhere', async function () {
    if (process.platform === 'win32') this.skip();
    writeImage(join(folder, 'star', 'a*.png'));
    writeImage(join(folder, 'star', 'ab.png'));
    expect((await filesMatching(join(folder, 'star', 'a\\*.p*'))).files).to.deep.equal([
      join(folder, 'star', 'a*.png'),
    ]);
  });
});
