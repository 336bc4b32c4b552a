import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Compared, comparison, comparisonText, entries, findEntry, termsOf } from 'moganet';
import { scatterOf } from '../../scripts/comparison_plot.ts';
import { moganet, useFolder } from '../harness/command_line.ts';
import { classifiers } from '../zoo/expected.data.ts';

describe('the comparison of models', () => {
  const rows = comparison();
  const row = (name: string): Compared => rows.find((one) => one.name === name)!;

  it('has every published model once, in the table that it was published in', () => {
    const published = entries.filter(({ published, weights }) => published && !weights?.shipped);
    expect(rows.map(({ name }) => name).sort()).to.deep.equal(published.map(({ name }) => name).sort());
    expect(row('moganet_s').table).to.equal('ImageNet-1k classification');
    expect(row('mask_rcnn_moganet_t_fpn_ms_3x_coco').table).to.equal('COCO, Mask R-CNN 3x');
    expect(row('cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco').table).to.equal('COCO, Cascade Mask R-CNN 3x');
    expect(row('upernet_r50_4xb4_160k_ade20k_512x512').table).to.equal('ADE20K, UPerNet 160k');
  });

  it('counts all of them by one rule, whatever their publishers count', () => {
    for (const { name, params, macs } of classifiers) expect(row(name)).to.include({ parameters: params, macs });
    expect(row('parcnet_s').macs / 1e9).to.be.closeTo(1.66, 0.005);
    expect(row('parcnet_s').published).to.deep.equal({ params: 5, flops: 1.74 });
    expect(row('mask_rcnn_r50_fpn_1x_coco').published).to.deep.equal({ params: undefined, flops: undefined });
  });

  it('says of every published figure that is not ours why, and of ParC-Net that its FLOPs count twice elsewhere', () => {
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

  it('is a text of tables with numbered sources and reasons', () => {
    const text = comparisonText(rows);
    expect(text).to.match(/^ImageNet-1k classification\n {2} +input +M parameters +published +G multiply-adds/);
    expect(text).to.match(/\n {2}moganet_s +224×224 +25\.34 +25\.3 +4\.93 +4\.97 +83\.4 +96\.9 +\[1\] +\(1\)\n/);
    expect(text).to.match(/\n {2}convnext_xlarge \* +224×224 /);
    expect(text).to.include('\n  [1] github.com/Westlake-AI/MogaNet, README at 386b548c\n');
    expect(text.endsWith('\n  * Trained on ImageNet-22k first.')).to.equal(true);
  });

  it('is drawn as SVG, classifiers trained on the same data only', async () => {
    const svg = await scatterOf(rows);
    expect(svg).to.match(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    for (const name of ['moganet_xt', 'convnext_tiny', 'swin_base', 'parcnet_s', 'resnet152']) {
      expect(svg).to.match(new RegExp(`<text[^>]*>${name}</text>`));
    }
    for (const name of ['convnext_xlarge', 'swin_base_384', 'mask_rcnn']) expect(svg).not.to.include(name);
  });
});

describe('terms', () => {
  it('are known for the weights of every entry that has an address', () => {
    for (const entry of entries) {
      if (entry.weights?.url) expect(termsOf(entry), entry.name).to.be.an('object');
      else expect(termsOf(entry), entry.name).to.equal(undefined);
    }
    expect(termsOf(findEntry('moganet_s'))).to.deep.equal({
      weights: 'Apache-2.0 (github.com/Westlake-AI/MogaNet)',
      data: ['ImageNet: pictures for non-commercial research and education (image-net.org/download)'],
    });
    expect(termsOf(findEntry('mask_rcnn_r50_fpn_1x_coco'))!.data).to.have.length(2);
  });

  it('apply to files that have names of their own', () => {
    const files = entries.flatMap(({ weights }) => (weights?.url ? [weights.url.split('/').at(-1)!] : []));
    expect(files.filter((file, i) => files.indexOf(file) !== i)).to.deep.equal([]);
  });
});

describe('moganet models', () => {
  const cwd = useFolder();
  const env = { MOGANET_CACHE: join(cwd, 'cache') };

  it('ends with the terms of weights and data', async () => {
    const { code, stdout } = await moganet(['models', '--task', 'segment'], { env });
    expect(code).to.equal(0);
    expect(stdout).to.match(
      /\nTerms of the weights, by where they are published:\n {2}Apache-2\.0 .+: \d+ of these models\n/,
    );
    expect(stdout).to.match(/\n {2}ADE20K: annotations .+\n/);
    expect(stdout).not.to.include('COCO: annotations');
  });

  it('are an array with --json', async () => {
    const { stdout } = await moganet(['models', '--task', 'classify', '--json'], { env });
    const found = JSON.parse(stdout) as { name: string; tasks: string[]; weights: { url: string } }[];
    expect(found.map(({ name }) => name))
      .to.include('moganet_xt')
      .and.not.include('facade');
    expect(found[0]).to.deep.include({ name: 'moganet_xt', tasks: ['classify'] });
    expect(found[0]!.weights.url).to.match(/^https:/);
  });

  it('are compared as a table, as JSON, and drawn', async () => {
    const words = ['models', '--compare', '--task', 'classify', '--svg', 'models.svg'];
    const { code, stdout } = await moganet(words, { env, cwd });
    expect(code).to.equal(0);
    expect(`${stdout}`).to.equal(
      `${comparisonText(comparison(entries.filter(({ config }) => config.classification)))}\n`,
    );
    expect(readFileSync(join(cwd, 'models.svg'), 'utf8')).to.match(/^<svg .*<\/svg>\n$/s);
    const again = await moganet(words, { env, cwd });
    expect(again.code).to.equal(1);
    expect(again.stderr).to.include('models.svg exists already. Replace with --overwrite');
    const json = await moganet(['models', '--compare', '--json'], { env });
    expect((JSON.parse(json.stdout) as Compared[]).length).to.equal(comparison().length);
  });

  it('are not drawn without being compared, nor without a plotting library', async () => {
    const alone = await moganet(['models', '--svg', 'a.svg'], { env, cwd });
    expect(alone).to.include({ code: 2, stderr: 'error: --svg draws what --compare counts.\n' });
    const imports = [new URL('../harness/without_plot.mjs', import.meta.url).href];
    const { code, stderr } = await moganet(['models', '--compare', '--svg', 'a.svg'], { env, cwd, imports });
    expect({ code, stderr }).to.deep.equal({
      code: 2,
      stderr: 'error: --svg needs a plotting library: npm install @observablehq/plot linkedom\n',
    });
  });
});
