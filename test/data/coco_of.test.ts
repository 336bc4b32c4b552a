import { expect } from 'chai';
import { cocoCollector, cocoOf } from '../../src/data/index.ts';
import { imagesOf, open, picture } from '../harness/data_files.ts';

const box = (difficult: string) =>
  `<object><name>cat</name>${difficult}<bndbox><xmin>2</xmin><ymin>2</ymin><xmax>4</xmax><ymax>5</ymax></bndbox></object>`;

const voc = {
  'a.xml': `<annotation><filename>a.png</filename><size><width>8</width><height>6</height></size>${box('')}${box('<difficult>1</difficult>')}</annotation>`,
  'a.png': picture(),
  'b.xml': '<annotation><filename>b.png</filename><size><width>8</width><height>6</height></size></annotation>',
  'b.png': picture(),
};

describe('cocoOf', () => {
  it('numbers from 1, and makes crowds of what is difficult', async () => {
    const file = await cocoOf(await open(voc));
    expect(file.categories).to.deep.equal([{ id: 1, name: 'cat' }]);
    expect(file.images).to.deep.equal([
      { id: 1, file_name: 'a.png', height: 6, width: 8 },
      { id: 2, file_name: 'b.png', height: 6, width: 8 },
    ]);
    expect(file.annotations.map(({ id, bbox, area, iscrowd }) => ({ id, bbox, area, iscrowd }))).to.deep.equal([
      { id: 1, bbox: [1, 1, 3, 4], area: 12, iscrowd: 0 },
      { id: 2, bbox: [1, 1, 3, 4], area: 12, iscrowd: 1 },
    ]);
  });

  it('keeps outlines, and writes masks as runs', async () => {
    const shapes = [
      {
        label: 'cat',
        points: [
          [1, 1],
          [4, 1],
          [4, 4],
        ],
      },
      {
        label: 'cat',
        points: [
          [4, 3],
          [6, 3],
        ],
        shape_type: 'circle',
      },
    ];
    const set = await open({
      'a.json': JSON.stringify({ version: '5.0', shapes, imagePath: 'a.png', imageHeight: 6, imageWidth: 8 }),
      'a.png': picture(),
    });
    const { annotations } = await cocoOf(set);
    expect(annotations[0]!.segmentation).to.deep.equal([[1, 1, 4, 1, 4, 4]]);
    expect(annotations[1]!.segmentation).to.have.property('size').that.deep.equals([6, 8]);
    expect(annotations[1]!.area).to.be.closeTo(Math.PI * 4, 1e-12);
  });

  it('keeps the file of COCO as it is, with ids given twice, or the part of it that is read', async () => {
    const file = {
      images: [
        { id: 5, file_name: 'a.png', width: 8, height: 6 },
        { id: 3, file_name: 'b.png', width: 8, height: 6 },
      ],
      annotations: [1, 1]
        .map((id) => ({ id, image_id: 5, category_id: 9, bbox: [0, 0, 1, 1], area: 1 }))
        .concat({ id: 2, image_id: 3, category_id: 9, bbox: [0, 0, 1, 1], area: 1 }),
      categories: [{ id: 9, name: 'cat' }],
    };
    const set = await open({ 'instances.json': JSON.stringify(file), 'a.png': picture(), 'b.png': picture() });
    expect(await cocoOf(set)).to.equal(set.coco);
    expect(set.coco!.annotations.map(({ id }) => id)).to.deep.equal([1, 1, 2]);
    const collector = cocoCollector(set);
    const [first] = await imagesOf(set);
    expect(collector.add(first!)).to.equal(5);
    expect(collector.file().images.map(({ id }) => id)).to.deep.equal([5]);
    expect(collector.file().annotations).to.have.length(2);
  });

  it('keeps keypoints with their skeleton, from 1', async () => {
    const set = await open({
      'data.yaml': 'val: images\nnames: [cat]\nkpt_shape: [2, 3]\n',
      'images/a.png': picture(),
      'labels/a.txt': '0 0.5 0.5 0.5 0.5 0.25 0.5 2 0 0 0\n',
    });
    const { annotations, categories } = await cocoOf(set);
    expect(categories[0]!.keypoints).to.deep.equal(['0', '1']);
    expect(annotations[0]).to.deep.include({ keypoints: [2, 3, 2, 0, 0, 0], num_keypoints: 1 });
  });
});
