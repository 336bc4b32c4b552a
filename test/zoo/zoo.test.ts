import { expect } from 'chai';
import { maskRcnn, mmdetection } from '../../configs/helpers.ts';
import { type Shape, sizeOf } from '../../src/arrays.ts';
import { comparison, publishedFlops } from '../../src/article/comparison.ts';
import { CheckpointError, ConfigError } from '../../src/errors.ts';
import { matchEntry } from '../../src/loading/recognise.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { type CostRow, totalCost } from '../../src/nn/index.ts';
import { fvcoreFlops, mmcvFlops, mmposeFlops, modelCost, paperMacs } from '../../src/zoo/counting.ts';
import { entries, findEntry, isNamed, termsOf, type ZooEntry } from '../../src/zoo/index.ts';
import { fnv1a32 } from '../harness/seeded.ts';
import { classifiers, denseModels, otherDenseModels, poseModels, swapModels } from './expected.data.ts';

describe('the zoo', () => {
  describe('counts to the unit', () => {
    let milliseconds = 0;
    const timed = <T>(work: () => T): T => {
      const start = performance.now();
      const result = work();
      milliseconds += performance.now() - start;
      return result;
    };

    for (const { name, size, params, fvcore, macs, biases } of classifiers) {
      it(`${name} has ${params} parameters and ${macs} multiply-adds at ${size}×${size}`, () => {
        const { rows, trained } = timed(() => countsOf(findEntry(name), { height: size, width: size }));
        const { macs: counted, convBias, linearBias } = totalCost(rows);
        expect(trained).to.equal(params);
        expect(counted).to.equal(macs);
        expect(convBias + linearBias).to.equal(biases);
        expect(fvcoreFlops(rows)).to.equal(fvcore);
        expect(paperMacs(rows)).to.equal(macs + biases);
      });
    }

    for (const { name, height, width, entries: count, keys, params, flops } of denseModels) {
      it(`${name} has the published keys, ${params} parameters and ${flops} FLOPs at ${height}×${width}`, () => {
        const found = timed(() => countsOf(findEntry(name), { height, width }));
        expect(found.lines.length).to.equal(count);
        expect(fnv1a32(found.lines.sort().join('\n'))).to.equal(keys);
        expect(found.trained).to.equal(params);
        expect(mmcvFlops(found.rows)).to.equal(flops);
      });
    }

    for (const { name, entries: count, keys, params } of otherDenseModels) {
      it(`${name} has the published keys and ${params} parameters`, () => {
        const found = timed(() => countsOf(findEntry(name), { height: 64, width: 64 }));
        expect(found.lines.length).to.equal(count);
        expect(fnv1a32(found.lines.sort().join('\n'))).to.equal(keys);
        expect(found.trained).to.equal(params);
      });
    }

    for (const { name, height, width, entries: count, keys, params, flops } of poseModels) {
      it(`${name} has the published keys, ${params} parameters and ${flops} FLOPs`, () => {
        const entry = findEntry(name);
        expect(entry.config.pose?.input?.size).to.deep.equal({ height, width });
        const found = timed(() => countsOf(entry, { height, width }));
        expect(found.lines.length).to.equal(count);
        expect(fnv1a32(found.lines.sort().join('\n'))).to.equal(keys);
        expect(found.trained).to.equal(params);
        expect(mmposeFlops(found.rows, entry.config.backbone.type)).to.equal(flops);
      });
    }

    it('for every pose model', () => {
      const counted = new Set<string>(poseModels.map(({ name }) => name));
      const poses = entries.filter(({ config, weights }) => config.pose && weights?.url);
      expect(poses.map(({ name }) => name)).to.have.members([...counted]);
    });

    it('for every detection and segmentation model', () => {
      const counted = new Set<string>([...denseModels, ...otherDenseModels].map(({ name }) => name));
      const dense = entries.filter(
        ({ config, weights }) => (config.detection || config.segmentation) && !weights?.shipped,
      );
      expect(dense.map(({ name }) => name).filter((name) => !counted.has(name))).to.deep.equal([]);
    });

    it('in under ten seconds', () => {
      expect(milliseconds).to.be.greaterThan(0);
      expect(milliseconds).to.be.below(10_000);
    });
  });

  describe('states published numbers', () => {
    for (const entry of entries) {
      const { published, name } = entry;
      if (published?.params === undefined || published.flops === undefined) continue;
      const { note, params, flops, input } = published;
      it(note ? `that differ from the counts of ${name}, with a reason` : `equal to the counts of ${name}`, () => {
        const { rows, trained } = countsOf(entry, input!);
        const agree = entry.config.pose ? agreesCut : agreesRounded;
        expect(agree(trained / 1e6, params), `${trained / 1e6} M parameters, ${params} published`).to.equal(true);
        const counted = publishedFlops(entry, rows) / 1e9;
        expect(agree(counted, flops), `${counted} G FLOPs, ${flops} published`).to.equal(!note);
      });
    }

    it('for every model except the demo, UPerNet-XL, whose paper gives none, and those without weights at a URL', () => {
      const without = entries.filter(({ published }) => !published).map(({ name }) => name);
      expect(without).to.deep.equal([
        'facade',
        'mask_rcnn_lite_moganet_xt_fpn_facade',
        'upernet_lite_moganet_xt_facade',
        'upernet_moganet_xl_512x512_160k_ade20k',
        'moganet_b_ap2d_384x288',
        'retinanet_swin_t_p4_w7_fpn_1x_coco',
      ]);
    });
  });

  describe('finds an entry', () => {
    const spellings: readonly [spelling: string, name: string][] = [
      ['moganet_xt', 'moganet_xt'],
      ['moganet_xtiny', 'moganet_xt'],
      ['moganet-x-tiny', 'moganet_xt'],
      ['MogaNet_Small', 'moganet_s'],
      ['moganet_xlarge', 'moganet_xl'],
      ['mask_rcnn_moganet_tiny_fpn_1x_coco', 'mask_rcnn_moganet_t_fpn_1x_coco'],
      ['upernet_moganet_x-tiny_512x512_160k_ade20k', 'upernet_moganet_xt_512x512_160k_ade20k'],
      ['retinanet_moganet_base_fpn_1x_coco', 'retinanet_moganet_b_fpn_1x_coco'],
      ['mask_rcnn_moganet_t_fpn_mstrain_480-800_3x_coco', 'mask_rcnn_moganet_t_fpn_ms_3x_coco'],
      ['fpn_moganet_xtiny_80k_ade20k', 'fpn_moganet_xt_80k_ade20k'],
      ['moganet_xtiny_coco_256x192', 'moganet_xt_coco_256x192'],
      ['facade', 'facade'],
    ];
    for (const [spelling, name] of spellings) {
      it(`${name} by ${spelling}`, () => expect(findEntry(spelling).name).to.equal(name));
    }

    it('by its name', () => {
      for (const entry of entries) expect(findEntry(entry.name)).to.equal(entry);
    });

    it('by the name of the published weight file, with or without its ending', () => {
      for (const entry of entries) {
        const file = entry.weights?.url?.split('/').at(-1);
        if (!file) continue;
        expect(findEntry(file), file).to.equal(entry);
        expect(findEntry(file.replace(/\.pth(\.tar)?$/, '')), file).to.equal(entry);
      }
    });

    it('by a name only: a path or URL is another file of this name', () => {
      for (const name of [
        '/nowhere/facade.pth',
        'mine/facade',
        'C:\\models\\facade',
        'https://example.com/facade.pth',
      ]) {
        expect(() => findEntry(name), name).to.throw(ConfigError);
      }
    });

    it('or names the nearest known name', () => {
      expect(() => findEntry('moganet_xq')).to.throw(
        ConfigError,
        /unknown model "moganet_xq"\. .* Known: .*moganet_xt/,
      );
      expect(() => findEntry('facad')).to.throw(ConfigError, 'Did you mean "facade"?');
    });
  });

  it('names each entry once, and its configuration the same', () => {
    const names = entries.map(({ name }) => name);
    expect(new Set(names).size).to.equal(names.length);
    for (const { name, config } of entries) expect(config.name).to.equal(name);
  });

  it('needs one row for a published model: it is matched, compared and has terms', () => {
    const file = 'mask_rcnn/mask_rcnn_r18_fpn_1x_coco_20300101-01234567';
    const row = maskRcnn(
      'mask_rcnn_r18_fpn_1x_coco',
      { type: 'resnet', depth: 18 },
      '1x',
      mmdetection([33.9, 31], file),
    );
    expect(matchEntry(shapesOf(row), 'mine.pth', {}, [...entries, row]).entry).to.equal(row);
    expect(isNamed(row, `${file}.pth`)).to.equal(true);
    const [compared] = comparison([row]);
    expect(compared).to.deep.include({ table: 'COCO, Mask R-CNN 1x', scores: { 'box AP': 33.9, 'mask AP': 31 } });
    expect(termsOf(row)?.weights).to.equal('Apache-2.0 (github.com/open-mmlab/mmdetection)');
  });

  describe('matches weights without a configuration', () => {
    it('to the entry whose keys and shapes they have', () => {
      for (const name of [
        'moganet_s',
        'retinanet_moganet_t_fpn_1x_coco',
        'mask_rcnn_moganet_b_fpn_1x_coco',
        'cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco',
        'cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco',
        'fpn_moganet_xt_80k_ade20k',
        'upernet_moganet_xt_512x512_160k_ade20k',
        'swin_b_p4_w7_coco_384x288', // whose windows are larger
      ]) {
        const { entry, others } = matchEntry(shapesOf(findEntry(name)), 'weights.pth');
        expect(entry.name).to.equal(name);
        expect(others).to.deep.equal([]);
      }
    });

    it('with or without the auxiliary head', () => {
      const shapes = shapesOf(findEntry('upernet_moganet_t_512x512_160k_ade20k'));
      for (const key of [...shapes.keys()]) if (key.startsWith('auxiliary_head.')) shapes.delete(key);
      const { entry } = matchEntry(shapes, 'weights.pth');
      expect(entry.name).to.equal('upernet_moganet_t_512x512_160k_ade20k');
    });

    it('and count entries with equal graphs as one', () => {
      const longer = matchEntry(shapesOf(findEntry('mask_rcnn_moganet_t_fpn_ms_3x_coco')), 'weights.pth');
      expect(longer.entry.name).to.equal('mask_rcnn_moganet_t_fpn_1x_coco');
      expect(longer.others).to.deep.equal([]);
    });

    it('but not entries with another input size', () => {
      // trained at 224 and at 256 pixels: the same network
      const { entry, others } = matchEntry(shapesOf(findEntry('moganet_xt_256')), 'weights.pth');
      expect(entry.name).to.equal('moganet_xt');
      expect(others.map(({ name }) => name)).to.deep.equal(['moganet_xt_256']);
    });

    it('nor pose models with another size of crops, but those of other people who were fine-tuned', () => {
      const { entry, others } = matchEntry(shapesOf(findEntry('moganet_b_ap2d_384x288')), 'weights.pth');
      expect(entry.name).to.equal('moganet_b_coco_256x192');
      expect(others.map(({ name }) => name)).to.deep.equal(['moganet_b_coco_384x288', 'moganet_b_ap2d_384x288']);
      const named = matchEntry(shapesOf(findEntry('moganet_b_ap2d_384x288')), 'mine.pth', {
        names: ['moganet_b_ap2d_384x288.pth'],
      });
      expect(named.entry.name).to.equal('moganet_b_ap2d_384x288');
    });

    it('to the published default if graphs differ, and names the others', () => {
      // the same keys, but another input size, or the activation applied twice
      const { entry, others } = matchEntry(shapesOf(findEntry('moganet_t_256_openmixup')), 'weights.pth');
      expect(entry.name).to.equal('moganet_t');
      expect(others.map(({ name }) => name)).to.deep.equal(['moganet_t_256', 'moganet_t_256_openmixup']);
    });

    it('or refuses weights that fit none, with the nearest entries and their distance', () => {
      const shapes = shapesOf(findEntry('moganet_xt'));
      shapes.set('head.weight', [7, 192]);
      const { size } = shapes;
      const there = [...shapes.keys()].filter((key) => !key.endsWith('num_batches_tracked')).length;
      expect(() => matchEntry(shapes, 'mine.pth')).to.throw(
        CheckpointError,
        new RegExp(
          `mine\\.pth: the weights fit no known model, .* Nearest:\\n +moganet_xt: ${there} of ${there} keys there, ` +
            `${there - 1} in the right shape`,
        ),
      );
      expect(size).to.be.greaterThan(there);
    });

    it('or refuses weights with an additional key', () => {
      const shapes = shapesOf(findEntry('moganet_xt'));
      shapes.set('extra.weight', [1]);
      expect(() => matchEntry(shapes, 'mine.pth')).to.throw(CheckpointError, 'the weights fit no known model');
    });
  });
});

/** Detection and segmentation models that others have published on the other backbones. */
describe('the zoo’s models on other backbones', () => {
  for (const { name, entries: count, keys, params } of swapModels) {
    it(`have the published keys and ${params} parameters: ${name}`, () => {
      const parameters = checkpointParameters(createModel(findEntry(name).config));
      const lines = parameters.map(({ key, shape }) => `${key} ${shape.join('×')}`);
      expect(lines.length).to.equal(count);
      expect(fnv1a32(lines.sort().join('\n'))).to.equal(keys);
      const trained = parameters.filter(({ kind }) => kind === 'parameter');
      expect(trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0)).to.equal(params);
    });
  }

  it('are all those on ConvNeXt and ResNet', () => {
    const listed = new Set<string>(swapModels.map(({ name }) => name));
    const dense = entries.filter(
      ({ config: { backbone, detection, segmentation } }) =>
        ['convnext', 'resnet'].includes(backbone.type) && (detection || segmentation),
    );
    expect(dense.map(({ name }) => name).filter((name) => !listed.has(name))).to.deep.equal([]);
  });
});

/** Tells if a count agrees with a paper. Tables round, some twice: within 0.6 %, or equal in the printed digits. */
const agreesRounded = (counted: number, published: number): boolean =>
  Math.abs(counted - published) <= 0.006 * published || rounded(counted, published) === `${published}`;

/** The table of pose models has one decimal, cut or rounded up. */
const agreesCut = (counted: number, published: number): boolean =>
  agreesRounded(counted, published) || Math.abs(counted - published) < 0.1;

const rounded = (value: number, like: number): string => value.toFixed(`${like}`.split('.')[1]?.length ?? 0);

interface Counts {
  readonly rows: CostRow[];
  readonly trained: number;
  /** "key shape" of every entry of the checkpoint. */
  readonly lines: string[];
}

function countsOf({ config }: ZooEntry, size: { height: number; width: number }): Counts {
  const definition = createModel(config);
  const parameters = checkpointParameters(definition);
  const trained = parameters.filter(({ kind }) => kind === 'parameter');
  return {
    rows: modelCost(definition, size),
    trained: trained.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
    lines: parameters.map(({ key, shape }) => `${key} ${shape.join('×')}`),
  };
}

/** Returns the keys and shapes of a checkpoint of the entry. */
function shapesOf({ config }: ZooEntry): Map<string, Shape> {
  return new Map(checkpointParameters(createModel(config)).map(({ key, shape }) => [key, shape]));
}
