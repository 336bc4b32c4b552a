import { symlinkSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect } from 'chai';
import { findInputs, outputNames } from '../../src/cli/inputs.ts';
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
});
