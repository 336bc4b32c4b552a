import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { idsByStem, idsFromCoco } from '../../src/cli/image_ids.ts';
import { outputStems } from '../../src/cli/outputs.ts';
import { useFolder } from '../harness/command_line.ts';

const idsOf = (...files: string[]) => idsByStem(files, outputStems(files));

describe('ids of images for COCO', () => {
  it('are the numbers that the names of a data set are, and other stems as they are', () => {
    expect(idsOf('000000000139.jpg', '000000000285.jpg')).to.deep.equal({ ids: [139, 285] });
    expect(idsOf('a.jpg', '20240101123456789.jpg')).to.deep.equal({ ids: ['a', '20240101123456789'] });
  });

  it('are unique in a run: names of the outputs, and the user is told, if two images would share one', () => {
    const files = ['cam1/0001.jpg', 'cam1/1.png', 'cam2/0001.jpg', 'cam1/frame.jpg', 'cam1/frame.png'];
    const { ids, notice } = idsOf(...files);
    expect(ids).to.deep.equal(['cam1/0001', 'cam1/1', 'cam2/0001', 'cam1/frame.jpg', 'cam1/frame.png']);
    expect(notice).to.match(/cam1\/0001\.jpg and cam1\/1\.png would share 1\..*--coco-images/);
  });

  it('that are numbers and names in one run are pointed out', () => {
    const { ids, notice } = idsOf('139.jpg', 'frame.jpg');
    expect(ids).to.deep.equal([139, 'frame']);
    expect(notice).to.match(/number for 1 of 2 images.*--coco-images/);
  });
});

describe('ids of a COCO file', () => {
  const folder = useFolder();
  const path = join(folder, 'instances.json');
  const write = (value: unknown) => writeFileSync(path, JSON.stringify(value));

  it('are found by as many folders as file_name has', () => {
    write({
      images: [
        { id: 7, file_name: 'cam1/0001.jpg' },
        { id: 8, file_name: 'cam2/0001.jpg', width: 64, height: 48 },
        { id: 'nine', file_name: 'caf\u00e9.jpg' },
      ],
    });
    const files = ['data/cam1/0001.jpg', '/abs/cam2/0001.jpg', 'x/cafe\u0301.jpg'];
    const sizes = [undefined, { height: 48, width: 64 }, undefined];
    expect(idsFromCoco(path, files)).to.deep.equal({ ids: [7, 8, 'nine'], sizes });
  });

  it('name the image that the file lacks, and two that it takes for one', () => {
    write({ images: [{ id: 7, file_name: '0001.jpg' }] });
    expect(() => idsFromCoco(path, ['other.jpg'])).to.throw(/^other\.jpg: .*instances\.json has no image/);
    expect(() => idsFromCoco(path, ['stdin'])).to.throw(/an image from stdin has none\. Name the file itself/);
    expect(() => idsFromCoco(path, ['a/0001.jpg', 'b/0001.jpg'])).to.throw(/^a\/0001\.jpg and b\/0001\.jpg .* id 7/);
  });

  it('come from a COCO file only', () => {
    writeFileSync(path, 'no');
    expect(() => idsFromCoco(path, ['a.jpg'])).to.throw(/instances\.json: this is not JSON/);
    writeFileSync(path, Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0x1b));
    expect(() => idsFromCoco(path, ['a.jpg'])).to.throw(/instances\.json: this is not JSON( \(position \d+\))?\. Give/);
    write({ annotations: [] });
    expect(() => idsFromCoco(path, ['a.jpg'])).to.throw(/no list "images"/);
    write({ images: [{ file_name: 'a.jpg' }] });
    expect(() => idsFromCoco(path, ['a.jpg'])).to.throw(/images\[0\] needs an "id"/);
    write({ images: [1, 2].map((id) => ({ id, file_name: 'a.jpg' })) });
    expect(() => idsFromCoco(path, ['a.jpg'])).to.throw(/"a\.jpg" is there with the ids 1 and 2/);
    expect(() => idsFromCoco(join(folder, 'none.json'), ['a.jpg'])).to.throw(/none\.json: there is no such file/);
  });
});
