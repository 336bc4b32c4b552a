import { expect } from 'chai';
import { scatterOf } from '../../scripts/comparison_plot.ts';
import { type Compared, comparison, comparisonText } from '../../src/article/index.ts';
import { entries } from '../../src/zoo/index.ts';
import { classifiers } from '../zoo/expected.data.ts';

describe('the comparison of models', () => {
  const rows = comparison();
  const row = (name: string): Compared => rows.find((one) => one.name === name)!;

  it('has every published model once, in the table of its publication', () => {
    const published = entries.filter(({ published, weights }) => published && !weights?.shipped);
    expect(rows.map(({ name }) => name).sort()).to.deep.equal(published.map(({ name }) => name).sort());
    expect(row('moganet_s').table).to.equal('ImageNet-1k classification');
    expect(row('mask_rcnn_moganet_t_fpn_ms_3x_coco').table).to.equal('COCO, Mask R-CNN 3x');
    expect(row('cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco').table).to.equal('COCO, Cascade Mask R-CNN 3x');
    expect(row('moganet_t_coco_384x288').table).to.equal('COCO keypoints, 384×288');
    expect(row('upernet_r50_4xb4_160k_ade20k_512x512').table).to.equal('ADE20K, UPerNet 160k');
  });

  it('counts all models by one rule', () => {
    for (const { name, params, macs } of classifiers) expect(row(name)).to.include({ parameters: params, macs });
    expect(row('parcnet_s').macs / 1e9).to.be.closeTo(1.66, 0.005);
    expect(row('parcnet_s').published).to.deep.equal({ params: 5, flops: 1.74 });
    expect(row('mask_rcnn_r50_fpn_1x_coco').published).to.deep.equal({ params: undefined, flops: undefined });
  });

  it('gives a reason for every published number that differs from ours', () => {
    for (const { name, macs, published, reason } of rows) {
      const { flops } = published;
      const decimals = `${flops}`.split('.')[1]?.length ?? 0;
      const differs = flops !== undefined && (macs / 1e9).toFixed(decimals) !== flops.toFixed(decimals);
      if (differs) expect(reason, name).to.be.a('string').and.not.equal('Nobody has said why.');
    }
    expect(row('parcnet_s').reason).to.match(/3\.5 G FLOPs \(arXiv 2211\.03295\) count a multiply-add as two/);
    expect(row('moganet_s').reason).to.equal('The publisher counts biases as well, one per output.');
    expect(row('resnet50').reason).to.equal(undefined);
  });

  it('names a source for every score', () => {
    for (const { name, scores, source } of rows) {
      expect(Object.keys(scores), name).to.not.deep.equal([]);
      expect(source, name).to.match(/github\.com|arXiv|pytorch\.org/);
    }
  });

  it('has a text of tables with numbered sources and reasons', () => {
    const text = comparisonText(rows);
    expect(text).to.match(/^ImageNet-1k classification\n {2} +input +M parameters +published +G multiply-adds/);
    expect(text).to.match(/\n {2}moganet_s +224×224 +25\.34 +25\.3 +4\.93 +4\.97 +83\.4 +96\.9 +\[1\] +\(1\)\n/);
    expect(text).to.match(/\n {2}convnext_xlarge \* +224×224 /);
    expect(text).to.include('\n  [1] github.com/Westlake-AI/MogaNet, README at 386b548c\n');
    expect(text.endsWith('\n  * Trained on ImageNet-22k first.')).to.equal(true);
  });

  it('is drawn as SVG, classifiers trained on the same data only', () => {
    const svg = scatterOf(rows);
    expect(svg).to.match(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    for (const name of ['moganet_xt', 'convnext_tiny', 'swin_base', 'parcnet_s', 'resnet152']) {
      expect(svg).to.match(new RegExp(`<text[^>]*>${name}</text>`));
    }
    for (const name of ['convnext_xlarge', 'swin_base_384', 'mask_rcnn']) expect(svg).not.to.include(name);
  });
});
