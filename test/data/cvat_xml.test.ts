import { expect } from 'chai';
import { DataError } from '../../src/errors.ts';
import { imagesOf, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const cvat = (
  shapes: string,
  more = '',
  meta = '<meta><task><labels><label><name>nut</name></label><label><name>bolt</name></label></labels></task></meta>',
) =>
  `<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>${meta}<image id="7" name="a.png" width="8" height="6"${more}>${shapes}</image></annotations>`;

const box = '<box label="bolt" occluded="0" xtl="1.0" ytl="1.0" xbr="5.0" ybr="3.0" z_order="0"></box>';

describe("CVAT's XML", () => {
  it('has its classes in the order of the task or the project, else as they are seen', async () => {
    const project =
      '<meta><project><labels><label><name>nut</name></label><label><name>bolt</name></label></labels></project></meta>';
    expect((await open({ 'annotations.xml': cvat(box) })).classes).to.deep.equal(['nut', 'bolt']);
    expect((await open({ 'annotations.xml': cvat(box, '', project) })).classes).to.deep.equal(['nut', 'bolt']);
    expect((await open({ 'annotations.xml': cvat(box, '', '') })).classes).to.deep.equal(['bolt']);
  });

  it('turns boxes that have a rotation', async () => {
    const turned = box.replace('occluded', 'rotation="90.00" occluded');
    const set = await read({ 'annotations.xml': cvat(turned), 'images/a.png': picture() });
    const [object] = set.all[0]!.objects!;
    expect(object!.box.map((side) => Math.round(side * 1e6) / 1e6 + 0)).to.deep.equal([2, 0, 4, 4]);
    expect(object!.area).to.be.closeTo(8, 1e-9);
    expect(object!.polygons).to.have.length(1);
  });

  it('cuts masks at the edge of the image', async () => {
    const mask = '<mask label="nut" rle="0, 4" left="7" top="5" width="2" height="2"></mask>';
    const set = await read({ 'annotations.xml': cvat(mask), 'images/a.png': picture() });
    expect(set.all[0]!.objects![0]).to.include({ area: 1 });
    expect(set.all[0]!.objects![0]!.box).to.deep.equal([7, 5, 8, 6]);
  });

  it('says how many shapes are left out', async () => {
    const set = await open({
      'annotations.xml': cvat(
        `${box}<ellipse label="nut" cx="1" cy="1" rx="1" ry="1"/><points label="nut" points="1,1"/><points label="nut" points="1,1"/>`,
      ),
    });
    expect(set.notices.join('\n'))
      .to.include('1 shapes of the kind ellipse')
      .and.include('2 shapes of the kind points');
  });

  it('takes the parts of a project as splits', async () => {
    const set = await open({ 'annotations.xml': cvat(box, ' subset="Validation" task_id="1"') });
    expect(set.split).to.equal('Validation');
    expect((await open({ 'annotations.xml': cvat(box, ' subset="Validation"') }, { split: 'val' })).count).to.equal(1);
    expect((await rejection(open({ 'annotations.xml': cvat(box) }, { split: 'val' }))).message).to.include(
      'states no splits',
    );
  });

  it('names image and shape of what it cannot read', async () => {
    const faults: Readonly<Record<string, string>> = {
      'xtl: must be a number': box.replace('xtl="1.0"', 'xtl="x"'),
      'ends before it begins': box.replace('xbr="5.0"', 'xbr="0"'),
      'the label "screw" is not among the classes': box.replace('bolt', 'screw'),
      'has no label': box.replace('label="bolt"', ''),
      'at least three points, got 2': '<polygon label="nut" points="1,1;2,2"/>',
      'point 2: must be a number': '<polygon label="nut" points="1,1;2;3,3"/>',
      'the runs of the mask cover 3 pixels, its rectangle has 4':
        '<mask label="nut" rle="0, 3" left="0" top="0" width="2" height="2"/>',
      'with at most': '<mask label="nut" rle="0, 3" left="0" top="0" width="100000" height="100000"/>',
    };
    for (const [reason, shape] of Object.entries(faults)) {
      const error = await rejection(
        imagesOf(await open({ 'annotations.xml': cvat(box + shape), 'images/a.png': picture() })),
      );
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include('set/annotations.xml: image a.png: shape 2').and.include(reason);
    }
  });

  it('refuses videos, and says what to export', async () => {
    const video = '<annotations><version>1.1</version><track id="0" label="car"><box frame="0"/></track></annotations>';
    expect((await rejection(open({ 'annotations.xml': video }))).message).to.include('CVAT for images');
  });
});
