import { expect } from 'chai';
import { imageNet22k } from '../../src/datasets/index.ts';
import { entries, findEntry, termsOf } from '../../src/zoo/index.ts';

describe('terms', () => {
  it('are known for the weights of every entry that has a URL', () => {
    for (const entry of entries) {
      if (entry.weights?.url) expect(termsOf(entry), entry.name).to.be.an('object');
      else expect(termsOf(entry), entry.name).to.equal(undefined);
    }
    const { weights, data } = termsOf(findEntry('moganet_s'))!;
    expect(weights).to.equal('Apache-2.0 (github.com/Westlake-AI/MogaNet)');
    expect(data.join('\n')).to.match(/^ImageNet: .*non-commercial research.*image-net\.org\/download/);
    expect(termsOf(findEntry('mask_rcnn_r50_fpn_1x_coco'))!.data).to.have.length(2);
  });

  it('name every data set of the training, including ImageNet-22k', () => {
    const titles = (name: string) => termsOf(findEntry(name))!.data.map((text) => text.split(':')[0]);
    expect(titles('mask_rcnn_moganet_s_fpn_1x_coco')).to.deep.equal(['COCO', 'ImageNet']);
    expect(titles('fpn_moganet_s_80k_ade20k')).to.deep.equal(['ADE20K', 'ImageNet']);
    expect(titles('moganet_s_coco_256x192')).to.deep.equal(['COCO keypoints', 'ImageNet']);
    expect(titles('convnext_xlarge')).to.deep.equal(['ImageNet', 'ImageNet-22k']);
    const more = entries.filter(({ trainedOn }) => trainedOn?.includes(imageNet22k)).map(({ name }) => name);
    expect(more).to.deep.equal([
      'convnext_xlarge',
      'swin_tiny_22kto1k',
      'swin_small_22kto1k',
      'swin_base_22kto1k',
      'swin_base_384_22kto1k',
      'swin_large_22kto1k',
      'swin_large_384_22kto1k',
      'swin_b_p4_w7_coco_256x192',
      'swin_b_p4_w7_coco_384x288',
    ]);
  });

  it('apply to files with different names', () => {
    const files = entries.flatMap(({ weights }) => (weights?.url ? [weights.url.split('/').at(-1)!] : []));
    expect(files.filter((file, i) => files.indexOf(file) !== i)).to.deep.equal([]);
  });
});
