import { expect } from 'chai';
import { DataError } from '../../src/errors.ts';
import { encodePng } from '../../src/formats/index.ts';
import { type Files, imagesOf, labelPng, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const object = (name: string, more = '<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>') =>
  `<object><name>${name}</name>${more}</object>`;

const xml = (file: string, ...objects: string[]) =>
  `<annotation><filename>${file}</filename><size><width>8</width><height>6</height><depth>3</depth></size>${objects.join('')}</annotation>`;

describe("PASCAL VOC's layout", () => {
  it('takes 1 from the first corner, and reads floats', async () => {
    const floats = '<bndbox><xmin>1.5</xmin><ymin>2.25</ymin><xmax>7.0</xmax><ymax>5.5</ymax></bndbox>';
    const set = await read({ 'a.xml': xml('a.png', object('cat'), object('dog', floats)), 'a.png': picture() });
    expect(set.format).to.equal('voc');
    expect(set.classes).to.deep.equal(['cat', 'dog']);
    const [first, second] = set.all[0]!.objects!;
    expect(first).to.include({ label: 0, area: 12, crowd: false, difficult: false });
    expect(first!.box).to.deep.equal([1, 1, 4, 5]);
    expect(second!.box).to.deep.equal([0.5, 1.25, 7, 5.5]);
  });

  it('reads files with byte order marks, in UTF-16, in the encoding that they declare, and with a document type', async () => {
    const text = xml('a.png', object('größe'));
    const utf16 = Uint8Array.from([
      0xff,
      0xfe,
      ...new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer),
    ]);
    const latin = Uint8Array.from(`<?xml version="1.0" encoding="ISO-8859-1"?>\r\n${text}`, (c) => c.charCodeAt(0));
    const doctype = `<?xml version="1.0"?><!DOCTYPE annotation [<!ENTITY x SYSTEM "file:///etc/passwd">]>${text}`;
    for (const file of [`\ufeff${text}`, utf16, latin, doctype, text.replaceAll('><', '>\r\n\t<')]) {
      expect((await read({ 'a.xml': file, 'a.png': picture() })).classes).to.deep.equal(['größe']);
    }
  });

  it('expands no entities', async () => {
    const bomb = `<!DOCTYPE annotation [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>${xml('a.png', object('&b;'))}`;
    const set = await open({ 'a.xml': bomb, 'a.png': picture() });
    expect((await rejection(imagesOf(set))).message)
      .to.include('set/a.xml')
      .and.include('line 1');
  });

  it('names file, object and field of what it cannot read', async () => {
    const boxes = {
      'xmin: must be a number': '<bndbox><xmin>x</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>',
      'ymax: must be a number, got nothing': '<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>4</xmax></bndbox>',
      'ends before it begins': '<bndbox><xmin>5</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox>',
      'has no <bndbox>': '',
      'Turned boxes': '<robndbox><cx>3</cx></robndbox>',
    };
    for (const [reason, box] of Object.entries(boxes)) {
      const set = await open({ 'a.xml': xml('a.png', object('cat'), object('dog', box)), 'a.png': picture() });
      const error = await rejection(imagesOf(set));
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include('set/a.xml: object 2').and.include(reason);
    }
  });

  it('reads an object without difficult, and outlines as Roboflow writes them', async () => {
    const outline = '<polygon><x1>1</x1><y1>1</y1><x2>5</x2><y2>1</y2><x3>5</x3><y3>4</y3></polygon>';
    const set = await read({ 'a.xml': xml('a.png', object('cat', outline)), 'a.png': picture() });
    expect(set.kinds).to.deep.equal(['objects', 'masks']);
    const [cat] = set.all[0]!.objects!;
    expect(cat!.polygons).to.deep.equal([[1, 1, 5, 1, 5, 4]]);
    expect(cat!.box).to.deep.equal([1, 1, 5, 4]);
    expect(cat!.mask).to.include({ height: 6, width: 8 });
  });

  it('finds the image by the name of the XML if the name inside is another', async () => {
    const set = await read({
      'Annotations/a.xml': xml('renamed.jpg', object('cat')),
      'Annotations/b.xml': xml('b', object('cat')),
      'JPEGImages/a.jpg': picture(),
      'JPEGImages/b.PNG': picture(),
    });
    expect(set.all.map(({ file }) => file)).to.deep.equal(['JPEGImages/a.jpg', 'JPEGImages/b.PNG']);
    expect(set.notices).to.deep.equal([]);
  });

  const devkit: Files = {
    'VOC2007/Annotations/1.xml': xml('1.jpg', object('bolt')),
    'VOC2007/Annotations/2.xml': xml('2.jpg', object('nut')),
    'VOC2007/ImageSets/Main/train.txt': '1\r\n',
    'VOC2007/ImageSets/Main/test.txt': '2.jpg\n3\n',
    'VOC2007/ImageSets/Main/bolt_train.txt': '1  1\n',
    'VOC2007/JPEGImages/1.jpg': picture(),
    'VOC2007/JPEGImages/2.jpg': picture(),
    'VOC2007/JPEGImages/3.jpg': picture(),
  };

  it('reads the lists of a development kit with classes of its own', async () => {
    const set = await read(devkit);
    expect([set.split, set.classes, set.count]).to.deep.equal(['test', ['bolt', 'nut'], 1]);
    expect(set.all[0]!.file).to.equal('VOC2007/JPEGImages/2.jpg');
    expect(set.notices.join()).to.include('of test, train').and.include('1 image has no XML and is left out: 3');
    expect((await rejection(open(devkit, { split: 'val' }))).message).to.include('Known: test, train');
  });

  it('reads Roboflow’s split folders', async () => {
    const set = await read({
      'train/a.xml': xml('a.jpg', object('cat')),
      'train/a.jpg': picture(),
      'valid/b.xml': xml('b.jpg', object('dog')),
      'valid/b.jpg': picture(),
    });
    expect([set.format, set.split, set.classes]).to.deep.equal(['voc', 'valid', ['cat', 'dog']]);
    expect(set.all[0]!.file).to.equal('valid/b.jpg');
  });

  it('says that a class is not in the list', async () => {
    const set = await open({ 'a.xml': xml('a.png', object('cat')), 'a.png': picture() }, { classes: ['dog'] });
    expect((await rejection(imagesOf(set))).message)
      .to.include('object 1')
      .and.include('"cat" is not in the list of classes');
  });

  it('reads label maps without XML, with the classes of CVAT’s labelmap.txt', async () => {
    const set = await read({
      'labelmap.txt': '# label:color_rgb:parts:actions\nbackground:0,0,0::\nbolt:250,50,83::\nnut:1,2,3::\n',
      'ImageSets/Segmentation/default.txt': 'a\n',
      'JPEGImages/a.png': picture(3, 1),
      'SegmentationClass/a.png': labelPng([0, 2, 255]),
      'SegmentationObject/a.png': labelPng([0, 1, 255]),
    });
    expect(set.labelClasses).to.deep.equal(['background', 'bolt', 'nut']);
    expect(set.classes).to.deep.equal(['bolt', 'nut']);
    expect(set.all[0]!.objects).to.have.length(1);
    expect(set.all[0]!.objects![0]).to.include({ label: 1, area: 1, instance: 1 });
    expect([...(await set.all[0]!.labels!()).labels]).to.deep.equal([0, 2, 255]);
  });
});

describe("VOC's label maps in colours", () => {
  const rgb = (...colours: readonly (readonly [number, number, number])[]) =>
    encodePng({
      width: colours.length,
      height: 1,
      data: Uint8ClampedArray.from(colours.flatMap((colour) => [...colour, 255])),
    });
  const files = {
    'labelmap.txt': '# label:color_rgb:parts:actions\nbackground:0,0,0::\nbolt:250,50,83::\nnut:50,183,250::\n',
    'ImageSets/Segmentation/default.txt': 'a\n',
    'JPEGImages/a.jpg': picture(3, 1),
    'SegmentationClass/a.png': rgb([0, 0, 0], [50, 183, 250], [250, 50, 83]),
    'SegmentationObject/a.png': rgb([0, 0, 0], [128, 0, 0], [0, 128, 0]),
  };

  it('are read by the colours of labelmap.txt, objects by the palette', async () => {
    const [image] = (await read(files)).all;
    expect([...(await image!.labels!()).labels]).to.deep.equal([0, 2, 1]);
    expect(image!.objects!.map(({ label, instance }) => [label, instance])).to.deep.equal([
      [1, 1],
      [0, 2],
    ]);
  });

  it('are read by the palette of VOC without it, its border included', async () => {
    const map = rgb([0, 0, 0], [128, 128, 0], [224, 224, 192]);
    const { 'labelmap.txt': _, ...without } = files;
    const [image] = (await read({ ...without, 'SegmentationClass/a.png': map })).all;
    expect([...(await image!.labels!()).labels]).to.deep.equal([0, 3, 255]);
  });

  it('name a pixel of no class', async () => {
    const set = await open({ ...files, 'SegmentationClass/a.png': rgb([0, 0, 0], [1, 2, 3], [0, 0, 0]) });
    const error = await rejection(imagesOf(set));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('set/SegmentationClass/a.png: pixel (1, 0) is the colour (1, 2, 3)');
  });
});

describe('an XML that asks for more than labels need', () => {
  const refused = async (text: string): Promise<string> =>
    (await rejection(imagesOf(await open({ 'a.xml': `<annotation>${text}`, 'a.png': picture() })))).message;

  it('is refused with line and column', async () => {
    expect(await refused('<a>'.repeat(100_000)))
      .to.include('set/a.xml: line 1')
      .and.include('nested deeper than 64');
    expect(await refused('<a/>'.repeat(300_000))).to.include('more than 200000 elements');
    expect(await refused('<size><width>1e9</width><height>1e9</height></size></annotation>')).to.include(
      'set/a.xml: size',
    );
    expect(await refused('<object>\n<name>cat</name></objct></annotation>')).to.include('line 2');
    expect(await refused('<object><name>cat</name>'))
      .to.include('set/a.xml: line 1')
      .and.include('unclosed tag');
    expect(await refused('&unknown;</annotation>')).to.include('undefined entity');
  });
});
