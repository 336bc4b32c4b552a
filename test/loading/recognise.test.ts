import { expect } from 'chai';
import type { Shape } from '../../src/arrays.ts';
import { CheckpointError, ConfigError } from '../../src/errors.ts';
import { bytesSource } from '../../src/formats/index.ts';
import { matchEntry } from '../../src/loading/recognise.ts';
import { openWeights } from '../../src/loading/weights.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { fromMm } from '../../src/models/mm/index.ts';
import { entries, findEntry, type ZooEntry } from '../../src/zoo/index.ts';
import { rejection } from '../harness/rejection.ts';
import { CallValue, TensorValue, torchZip } from '../harness/torch_file.ts';
import { retinaNetXt, semanticFpnXt } from '../models/mm/dicts.data.ts';

/** The keys and shapes of a published file; all tensors are views of one number, since only their shapes count here. */
function stateDict(name: string, rename = (key: string) => key): Map<string, TensorValue> {
  const parameters = checkpointParameters(createModel(findEntry(name).config));
  return new Map(
    parameters.map(({ key, shape, kind }) => {
      const none = shape.map(() => 0);
      const integer = kind === 'ignored';
      return [
        rename(key),
        new TensorValue(integer ? '1' : '0', integer ? 'LongStorage' : 'FloatStorage', 1, shape, none),
      ];
    }),
  );
}

const file = (name: string, content: Map<string, unknown>) =>
  bytesSource(torchZip(content, { 0: new Uint8Array(4), 1: new Uint8Array(8) }), name);

/** As timm's trainer writes it: arguments as a namespace. */
const timm = (model: string, args: Record<string, unknown>) =>
  new Map<string, unknown>([
    ['arch', args.model],
    ['state_dict', stateDict(model)],
    ['args', new CallValue('argparse', 'Namespace', [], new Map(Object.entries(args)))],
  ]);

/** As OpenMixup's trainer writes it: its configuration as text, the backbone below its name. */
const openMixup = (backbone: string) =>
  new Map<string, unknown>([
    ['meta', new Map([['config', `model = dict(type='Classification', backbone=${backbone})\n`]])],
    [
      'state_dict',
      stateDict('moganet_t', (key) => key.replace(/^head\./, 'head.fc.').replace(/^(?!head)/, 'backbone.')),
    ],
  ]);

async function opened(name: string, content: Map<string, unknown>) {
  const { config, notices } = await openWeights(file(name, content));
  return { name: config.name, size: config.classification?.input?.size, notices };
}

/** Returns the name of the published file. */
const fileOf = (model: string): string => `${findEntry(model).weights?.url}`.replace(/^.*\//, '');

describe('a file without a configuration', () => {
  it('is recognised by its published name', async () => {
    const published = ['moganet_t', 'moganet_t_256', 'moganet_t_256_openmixup', 'swin_base_22kto1k', 'moganet_xt_256'];
    for (const name of published) {
      const called = fileOf(name);
      for (const path of [called, `/downloads/${called}`, called.replace(/\.pth/, ' (1).pth')]) {
        const found = await opened(path, new Map([['state_dict', stateDict(name)]]));
        expect(found, path).to.include({ name }).and.to.have.property('notices').that.deep.equals([]);
      }
    }
  });

  it('is not recognised as another model because of its name', async () => {
    const { name } = await opened(
      'moganet_small_sz224_8xbs128_ep300.pth.tar',
      new Map([['state_dict', stateDict('moganet_xt')]]),
    );
    expect(name).to.equal('moganet_xt');
  });

  it('is recognised by the notes of its trainer if the name says nothing', async () => {
    const trained = await opened('model_best.pth.tar', timm('moganet_t', { model: 'moganet_tiny', img_size: 256 }));
    expect(trained).to.deep.equal({ name: 'moganet_t_256', size: 256, notices: [] });
    const smaller = await opened('best.pth', timm('moganet_t', { model: 'moganet_tiny', input_size: [3, 224, 224] }));
    expect(smaller).to.include({ name: 'moganet_t', size: 224 });
  });

  it('is recognised by the size of the images alone, with a notice if networks differ', async () => {
    const { name, notices } = await opened('best.pth', timm('moganet_t', { img_size: 256 }));
    expect(name).to.equal('moganet_t_256');
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(/taken for moganet_t_256\. .* fit moganet_t_256_openmixup/);
  });

  it('is recognised by the backbone in the configuration of a classifier’s trainer', async () => {
    const twice = await opened('latest.pth', openMixup("dict(type='MogaNet', arch='tiny', attn_force_fp32=True)"));
    expect(twice).to.deep.equal({ name: 'moganet_t_256_openmixup', size: 256, notices: [] });
    const once = await opened('latest.pth', openMixup("dict(type='MogaNet', arch='tiny', attn_force_fp32=False)"));
    expect(once).to.include({ name: 'moganet_t', size: 224 });
    expect(once.notices).to.have.length(1);
    expect(once.notices[0]).to.match(/taken for moganet_t\. .* fit moganet_t_256:/);
  });

  it('is the published default, with a notice, if there is no hint', async () => {
    const { name, notices } = await opened('latest.pth', new Map([['state_dict', stateDict('moganet_t')]]));
    expect(name).to.equal('moganet_t');
    expect(notices).to.have.length(1);
  });
});

describe('a file with a configuration of mm', () => {
  const backbone = "dict(type='MogaNet_feat', arch='tiny')";
  const fpn = `
model = dict(
    type='EncoderDecoder', backbone=${backbone},
    neck=dict(type='FPN', in_channels=[32, 64, 128, 256], out_channels=256, num_outs=4),
    decode_head=dict(type='FPNHead', in_channels=[256, 256, 256, 256], in_index=[0, 1, 2, 3],
        feature_strides=[4, 8, 16, 32], channels=128, num_classes=150, align_corners=False,
        norm_cfg=dict(type='SyncBN', requires_grad=True)),
    test_cfg=dict(mode='whole'))
img_norm_cfg = dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True)
data = dict(test=dict(pipeline=[dict(type='MultiScaleFlipAug', img_scale=(2048, 512),
    transforms=[dict(type='AlignResize', keep_ratio=True, size_divisor=SCALE)])]))
`;
  const content = (divisor: number) =>
    new Map<string, unknown>([
      ['meta', new Map([['config', fpn.replace('SCALE', `${divisor}`)]])],
      ['state_dict', stateDict('fpn_moganet_t_80k_ade20k')],
    ]);
  const called = fileOf('fpn_moganet_t_80k_ade20k');

  it('has the name of the published model that it is', async () => {
    const { config, notices } = await openWeights(file(called, content(32)));
    expect(config.name).to.equal('fpn_moganet_t_80k_ade20k');
    expect(notices).to.deep.equal([]);
  });

  it('keeps its configuration, without a name, if that differs', async () => {
    const { config } = await openWeights(file(called, content(64)));
    expect(config.name).to.equal(undefined);
    expect(config.segmentation?.input?.divisor).to.equal(64);
    expect((await openWeights(file('mine.pth', content(32)))).config.name).to.equal(undefined);
  });

  it('is named in what is wrong with its configuration', async () => {
    for (const name of ['mine.pth', called]) {
      const error = await rejection(openWeights(file(name, content(3_000_000))));
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.message).to.match(/^\S+: segmentation\.input\.divisor: .*got 3000000\.$/);
      expect(error.message.startsWith(`${name}: `), error.message).to.equal(true);
    }
  });
});

describe('a configuration of mm in a file', () => {
  const python = (value: unknown) =>
    JSON.stringify(value)
      .replace(/\btrue\b/g, 'True')
      .replace(/\bfalse\b/g, 'False')
      .replace(/\bnull\b/g, 'None');
  const resize = (img_scale: number[]) => [{ type: 'MultiScaleFlipAug', img_scale, transforms: [{ type: 'Resize' }] }];
  const content = (model: unknown, test_pipeline?: unknown) => {
    const pipeline = test_pipeline ? `test_pipeline = ${python(test_pipeline)}\n` : '';
    const config = createModel(fromMm(model)).config;
    const tensors = checkpointParameters(createModel(config)).map(
      ({ key, shape }) =>
        [
          key,
          new TensorValue(
            '0',
            'FloatStorage',
            1,
            shape,
            shape.map(() => 0),
          ),
        ] as const,
    );
    return new Map<string, unknown>([
      ['meta', new Map([['config', `model = ${python(model)}\n${pipeline}`]])],
      ['state_dict', new Map(tensors)],
    ]);
  };
  const noticesOf = async (held: Map<string, unknown>, options = {}) =>
    (await openWeights(file('mm.pth', held), options)).notices;
  const facts = (scale: string, task: string) =>
    new RegExp(`no test scale.*${scale}.*${task}.*--size.*convert --scale`);

  it('notes the assumed test scale if it has none', async () => {
    const [detection, ...others] = await noticesOf(content(retinaNetXt));
    expect(detection).to.match(facts('1333×800', 'detection'));
    expect(others).to.deep.equal([]);
    expect((await noticesOf(content(semanticFpnXt)))[0]).to.match(facts('2048×512', 'segmentation'));
  });

  it('has no note on a scale that it has, or that the caller gives', async () => {
    expect(await noticesOf(content(retinaNetXt, resize([640, 480])))).to.deep.equal([]);
    expect(await noticesOf(content(retinaNetXt), { scale: [640, 480] })).to.deep.equal([]);
    const config = fromMm(retinaNetXt);
    expect(await noticesOf(content(retinaNetXt), { model: { config, definition: createModel(config) } })).to.deep.equal(
      [],
    );
  });
});

const shapesOf = ({ config }: ZooEntry): Map<string, Shape> =>
  new Map(checkpointParameters(createModel(config)).map(({ key, shape }) => [key, shape]));

describe('weights that fit several entries', () => {
  const t = findEntry('moganet_t');
  const shapes = shapesOf(t);
  const { variantOf: _, ...twice } = findEntry('moganet_t_256_openmixup');

  it('are refused with the choices if none of these is the default', () => {
    expect(() => matchEntry(shapes, 'latest.pth', {}, [t, twice])).to.throw(
      CheckpointError,
      /latest\.pth: .*\n {2}--model moganet_t --weights latest\.pth\n {2}--model moganet_t_256_openmixup --weights latest\.pth$/,
    );
  });

  it('go to the model with the file’s name all the same', () => {
    const hints = { names: ['nothing', 'moganet_t_256_openmixup.safetensors'] };
    expect(matchEntry(shapes, 'latest.pth', hints, [t, twice]).entry).to.equal(twice);
  });

  it('differ by preprocessing as well as by network', () => {
    const config = { ...t.config, image: { channelOrder: 'bgr' as const } };
    const blueFirst: ZooEntry = { name: 'blue_first', config };
    expect(() => matchEntry(shapes, 'latest.pth', {}, [t, blueFirst])).to.throw(CheckpointError, '--model blue_first');
    const variant = { ...blueFirst, variantOf: 'moganet_t' };
    expect(matchEntry(shapes, 'latest.pth', {}, [variant, t])).to.deep.equal({ entry: t, others: [variant] });
  });

  it('may differ by the size of their images: the default is taken and the other named', () => {
    const larger = findEntry('moganet_t_256');
    expect(matchEntry(shapes, 'latest.pth', {}, [t, larger])).to.deep.equal({ entry: t, others: [larger] });
    expect(matchEntry(shapes, 'latest.pth', { size: 256 }, [t, larger])).to.deep.equal({ entry: larger, others: [] });
    expect(matchEntry(shapes, 'latest.pth', { size: 320 }, [t, larger]).entry).to.equal(t);
  });

  it('have one default among all published models, so that every published file opens', () => {
    const byKeys = new Map<string, ZooEntry[]>();
    for (const entry of entries) {
      const keys = JSON.stringify([...shapesOf(entry)].sort());
      byKeys.set(keys, [...(byKeys.get(keys) ?? []), entry]);
    }
    let several = 0;
    for (const group of byKeys.values()) {
      const [first, ...others] = group;
      if (!first || others.length === 0) continue;
      several++;
      const { entry } = matchEntry(shapesOf(first), 'latest.pth', {}, group);
      expect(entry.variantOf).to.equal(undefined);
    }
    expect(several).to.be.greaterThan(5);
  });

  it('name known entries as their defaults', () => {
    for (const { variantOf } of entries) if (variantOf) expect(findEntry(variantOf).name).to.equal(variantOf);
  });
});
