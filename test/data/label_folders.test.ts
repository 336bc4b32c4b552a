import { expect } from 'chai';
import { DataError } from '../../src/errors.ts';
import { type Files, imagesOf, labelPng, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

describe('folders of images and label maps', () => {
  const pairs: Files = {
    'img_dir/train/a.png': picture(3, 1),
    'img_dir/val/b.png': picture(3, 1),
    'ann_dir/train/a.png': labelPng([0, 1, 2]),
    'ann_dir/val/b.png': labelPng([2, 1, 0]),
  };

  it('take the names of the classes from the caller or a list, and say that there are none', async () => {
    expect((await open(pairs)).labelClasses).to.equal(undefined);
    expect((await open(pairs)).notices.join()).to.include('names no classes');
    expect((await open(pairs, { classes: ['a', 'b', 'c'] })).labelClasses).to.deep.equal(['a', 'b', 'c']);
    expect((await open({ ...pairs, 'classes.txt': 'x\r\ny\r\nz\r\n' })).labelClasses).to.deep.equal(['x', 'y', 'z']);
  });

  it('read the validation split by default, and zero as not labelled if asked to', async () => {
    const set = await read(pairs, { classes: ['b', 'c'], reduceZeroLabel: true });
    expect([set.format, set.split, set.count]).to.deep.equal(['segment_folders', 'val', 1]);
    expect([...(await set.all[0]!.labels!()).labels]).to.deep.equal([1, 0, 255]);
  });

  it('are found under the names of other tools, with other names of maps', async () => {
    for (const [images, maps] of [
      ['images', 'annotations'],
      ['images', 'masks'],
      ['imgs', 'masks'],
      ['image', 'label'],
    ]) {
      for (const suffix of ['', '_mask', '_labelTrainIds']) {
        const set = await read({ [`${images}/a.jpg`]: picture(3, 1), [`${maps}/a${suffix}.png`]: labelPng([0, 1, 2]) });
        expect([set.format, set.split, set.count]).to.deep.equal(['segment_folders', undefined, 1]);
        expect([...(await set.all[0]!.labels!()).labels]).to.deep.equal([0, 1, 2]);
      }
    }
  });

  it('can be named', async () => {
    const files = { 'photos/a.png': picture(3, 1), 'truth/a.png': labelPng([0, 1, 2]) };
    const set = await read(files, { format: 'segment_folders', images: 'photos', labels: 'truth' });
    expect(set.count).to.equal(1);
    const error = await rejection(open(files, { format: 'segment_folders' }));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('`images`');
  });

  it('leave out what has no partner, and say so', async () => {
    const set = await read(
      { ...pairs, 'img_dir/val/c.png': picture(), 'ann_dir/val/d.png': labelPng([1]) },
      { classes: ['a'] },
    );
    expect(set.count).to.equal(1);
    expect(set.notices.join()).to.include('img_dir/val/c.png').and.include('ann_dir/val/d.png');
  });

  it('refuse a stem of a list that several folders have', async () => {
    const files = {
      ...pairs,
      'img_dir/train/b.png': picture(3, 1),
      'ann_dir/train/b.png': labelPng([1, 1, 1]),
      'splits/few.txt': 'b\n',
    };
    expect((await rejection(open(files, { split: 'few' }))).message)
      .to.include('train/b')
      .and.include('val/b');
    const named = await read({ ...files, 'splits/few.txt': 'val/b.png\n' }, { split: 'few', classes: ['a', 'b', 'c'] });
    expect(named.all.map(({ file }) => file)).to.deep.equal(['img_dir/val/b.png']);
  });

  it('name a map that is none, or of another size', async () => {
    const faults = [
      [labelPng([0, 1]), '2×1'],
      ['hello', 'ann_dir/val/b.png'],
    ] as const;
    for (const [map, reason] of faults) {
      const set = await read({ ...pairs, 'ann_dir/val/b.png': map }, { classes: ['a'] });
      const error = await rejection(set.all[0]!.labels!());
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include('set/ann_dir/val/b.png').and.include(reason);
    }
  });
});

describe("ADE20K's layout", () => {
  it('has the names of the package if there is no list', async () => {
    const set = await read({
      'ADE/images/validation/ADE_val_1.jpg': picture(3, 1),
      'ADE/annotations/validation/ADE_val_1.png': labelPng([0, 1, 150]),
    });
    expect([set.format, set.split, set.labelClasses?.length, set.labelClasses?.[0]]).to.deep.equal([
      'ade20k',
      'validation',
      150,
      'wall',
    ]);
    expect([...(await set.all[0]!.labels!()).labels]).to.deep.equal([255, 0, 149]);
  });

  it('is refused as the full data set, with what to use', async () => {
    const error = await rejection(
      open({ 'ADE20K/index_ade20k.mat': 'x', 'ADE20K/images/training/a/abbey/ADE_train_1_seg.png': picture() }),
    );
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('ADEChallengeData2016');
  });
});

describe("Cityscapes' layout", () => {
  const image = { 'leftImg8bit/val/ulm/ulm_1_leftImg8bit.png': picture(4, 1) };
  const maps = 'gtFine/val/ulm/ulm_1_gtFine';

  it('gives training ids, objects by their values, groups as crowds, without what is not judged', async () => {
    const set = await read({
      ...image,
      [`${maps}_labelIds.png`]: labelPng([7, 26, 26, 29]),
      [`${maps}_instanceIds.png`]: labelPng([7, 26001, 26, 29000]),
    });
    expect(set.kinds).to.deep.equal(['objects', 'masks', 'labels']);
    expect(
      set.all[0]!.objects!.map(({ label, crowd, instance, box }) => ({ label, crowd, instance, box })),
    ).to.deep.equal([
      { label: 13, crowd: true, instance: 26, box: [2, 0, 3, 1] },
      { label: 13, crowd: false, instance: 26001, box: [1, 0, 2, 1] },
    ]);
    expect([...(await set.all[0]!.labels!()).labels]).to.deep.equal([0, 13, 13, 255]);
  });

  it('is read without instance maps, by training ids alone, and coarse', async () => {
    const byTrainingId = await read({ ...image, [`${maps}_labelTrainIds.png`]: labelPng([0, 13, 255, 1]) });
    expect([byTrainingId.format, byTrainingId.kinds, byTrainingId.all[0]!.objects]).to.deep.equal([
      'cityscapes',
      ['labels'],
      undefined,
    ]);
    expect([...(await byTrainingId.all[0]!.labels!()).labels]).to.deep.equal([0, 13, 255, 1]);
    const coarse = await read({ ...image, 'gtCoarse/val/ulm/ulm_1_gtCoarse_labelIds.png': labelPng([7, 8, 0, 1]) });
    expect([...(await coarse.all[0]!.labels!()).labels]).to.deep.equal([0, 1, 255, 255]);
  });
});

describe('a folder per class', () => {
  it('is read with or without splits, without hidden and other files, by content where the ending says nothing', async () => {
    const set = await read({
      'b/1.jpg': picture(3, 2),
      'b/notes.txt': 'x',
      'B/scan': picture(),
      'a/x/2.png': picture(),
      '.git/3.png': picture(),
      'B/._1.png': 'x',
      '4.png': picture(),
    });
    expect([set.format, set.split, set.classes]).to.deep.equal(['class_folders', undefined, ['B', 'a', 'b']]);
    expect(set.all.map(({ file, label }) => [file, label])).to.deep.equal([
      ['B/scan', 0],
      ['a/x/2.png', 1],
      ['b/1.jpg', 2],
    ]);
    expect(set.all[2]!.size).to.deep.equal({ width: 3, height: 2 });
    const files = { 'train/a/1.png': picture(), 'test/a/2.png': picture(), 'test/b/readme.md': 'x' };
    const splits = await read(files);
    expect([splits.split, splits.classes, splits.count]).to.deep.equal(['test', ['a', 'b'], 1]);
    expect(splits.notices.join()).to.include('test/b');
    expect((await read(files, { split: 'train' })).count).to.equal(1);
  });

  it('names a file that is no image when it is reached', async () => {
    const set = await open({ 'a/1.jpg': 'hello', 'b/1.png': picture() });
    const error = await rejection(imagesOf(set));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('set/a/1.jpg');
  });
});
