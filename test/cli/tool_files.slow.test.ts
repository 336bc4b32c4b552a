import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect } from 'chai';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallDetection, writeSmallModel } from '../harness/small_model.ts';

describe('files for labelme, YOLO and COCO', () => {
  const cwd = useFolder();
  const model = ['--model', 'detection.safetensors', '--engine', 'cpu', '--score', '0'];
  const text = (...path: string[]) => readFileSync(join(cwd, ...path), 'utf8');
  const detect = (...words: string[]) => moganet(['detect', ...words, ...model], { cwd });
  const files = (folder: string) => readdirSync(join(cwd, folder), { recursive: true }).map(String).sort();

  before(async () => {
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    writeImage(join(cwd, 'photos/frame.png'), 1);
    writeImage(join(cwd, 'photos/deep/frame.png'), 2);
    writeImage(join(cwd, 'twins/frame.png'), 1);
    writeImage(join(cwd, 'twins/frame.jpg'), 1);
    writeImage(join(cwd, 'listed/classes.png'), 1);
  });

  it('have the names that the tools look for on demand, with the list of classes', async () => {
    const words = ['photos', '-r', '--save', 'labelme,yolo', '--names', 'stem', '--out'];
    const { code, stderr } = await detect(...words, 'labels');
    expect(code, stderr).to.equal(0);
    expect(files('labels')).to.deep.equal([
      'classes.txt',
      'data.yaml',
      'deep',
      'deep/frame.json',
      'deep/frame.txt',
      'frame.json',
      'frame.txt',
    ]);
    expect(text('labels/classes.txt')).to.equal('left\nright\n');
    expect(text('labels/data.yaml')).to.match(
      /^#.*\ntrain: .*\nval: .*\nnc: 2\nnames:\n {2}0: "left"\n {2}1: "right"\n$/,
    );
    // the same classes are no obstacle for other images, other classes are
    expect((await detect(...words, 'labels')).stderr).to.match(/frame\.json and 3 more exist already/);
    writeFileSync(join(cwd, 'labels', 'classes.txt'), 'cat\n');
    const other = await detect('listed', '--save', 'labelme,yolo', '--names', 'stem', '--out', 'labels');
    expect(other.code).to.equal(2); // by name, before the lists
    const refused = await detect('photos/frame.png', '--save', 'yolo', '--names', 'stem', '--out', 'labels/deep/..');
    expect(refused.stderr).to.match(/frame\.txt exists already/);
  });

  it('are refused by name before any work if two would be one file', async () => {
    const twins = await detect('twins', '--save', 'labelme', '--names', 'stem', '--out', 'o1');
    expect({ code: twins.code, stdout: twins.stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(twins.stderr).to.match(
      /^error: twins\/frame\.jpg and twins\/frame\.png would both be written to o1\/frame\.json\./,
    );
    const listed = await detect('listed', '--save', 'yolo', '--names', 'stem', '--out', 'o1');
    expect(listed.stderr).to.match(/^error: the list of classes and listed\/classes\.png .* o1\/classes\.txt/);
    const nothing = await detect('photos', '--names', 'stem', '--out', 'o1');
    expect(nothing.stderr).to.match(/^error: --names stem .*--save labelme.*--save yolo/);
    expect(existsSync(join(cwd, 'o1'))).to.equal(false);
  });

  it('name their image by a path that the system resolves, through links as well', async function () {
    if (process.platform === 'win32') this.skip();
    mkdirSync(join(cwd, 'elsewhere/far'), { recursive: true });
    symlinkSync('elsewhere/far', join(cwd, 'linked'));
    const { code, stderr } = await detect('photos/frame.png', '--save', 'labelme', '--out', 'linked');
    expect(code, stderr).to.equal(0);
    const file = realpathSync(join(cwd, 'linked/frame.labelme.json'));
    const { imagePath } = JSON.parse(readFileSync(file, 'utf8')) as { imagePath: string };
    expect(realpathSync(resolve(dirname(file), imagePath))).to.equal(realpathSync(join(cwd, 'photos/frame.png')));
  });

  it('have image ids that are unique in a run, or those of a COCO file', async () => {
    for (const path of ['cam1/0001.png', 'cam1/1.png', 'cam2/0001.png']) writeImage(join(cwd, 'cams', path), 1);
    const ids = async (out: string, ...words: string[]) => {
      const { code, stderr } = await detect('cams', '-r', '--save', 'coco', '--out', out, ...words);
      expect(code, stderr).to.equal(0);
      const coco = files(out).filter((name) => name.endsWith('.json'));
      return { stderr, ids: coco.map((name) => JSON.parse(text(out, name))[0].image_id as unknown) };
    };
    const named = await ids('c1');
    expect(named.ids).to.deep.equal(['cam1/0001', 'cam1/1', 'cam2/0001']);
    expect(named.stderr).to.match(/cams\/cam1\/0001\.png and cams\/cam1\/1\.png would share 1\./);
    const images = ['cam1/0001.png', 'cam1/1.png', 'cam2/0001.png'].map((name, i) => ({ id: 70 + i, file_name: name }));
    writeFileSync(join(cwd, 'coco.json'), JSON.stringify({ images }));
    expect((await ids('c2', '--coco-images', 'coco.json')).ids).to.deep.equal([70, 71, 72]);
    const lacking = await detect('photos', '--save', 'coco', '--out', 'c3', '--coco-images', 'coco.json');
    expect(lacking.code).to.equal(2);
    expect(lacking.stderr).to.match(/^error: photos\/frame\.png: coco\.json has no image/);
    const unused = await detect('photos', '--out', 'c3', '--coco-images', 'coco.json');
    expect(unused.stderr).to.match(/^error: --coco-images .*--save coco/);
  });
});
