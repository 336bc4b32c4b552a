import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { bytesSource, openCheckpoint } from '../../src/formats/index.ts';
import { stateDictOf } from '../../src/loading/state_dict.ts';
import { openWeights, type WeightsOptions } from '../../src/loading/weights.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel, modelParameters } from '../../src/models/create.ts';
import { refusalOf } from '../harness/rejection.ts';
import { smallClassification, smallDetection, smallSegmentation, smallWeights } from '../harness/small_model.ts';
import { CallValue } from '../harness/torch_file.ts';
import { prefixed, type TrainerDict, trainerFile } from '../harness/trainer_file.ts';

/** Fills a model from a file, and returns the first number of a weight and the notices. */
async function filled(
  config: ModelConfig,
  root: Readonly<Record<string, unknown>> | TrainerDict,
  options: WeightsOptions = {},
) {
  const definition = createModel(config);
  const source = { ...bytesSource(trainerFile(root)), name: 'w.pth' };
  const file = await openWeights(source, { model: { config, definition }, ...options });
  const weights = await file.fill(modelParameters(definition));
  return { value: firstOf(weights), notices: file.notices };
}

const firstOf = (weights: ReadonlyMap<string, NDArray>) => [...weights.values()].map(({ data }) => data[0]).slice(0, 3);

const raw = smallWeights(smallClassification, 'raw');
const averaged = smallWeights(smallClassification, 'averaged');
const [ofRaw, ofAverage] = [firstOf(raw), firstOf(averaged)];
const dotless = (tensors: ReadonlyMap<string, NDArray>) =>
  new Map([...tensors].map(([key, value]) => [`ema_${key.replaceAll('.', '_')}`, value]));

/** Two sets of weights as trainers write them. */
const trainers: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "timm's script": { state_dict: raw, state_dict_ema: averaged },
  "timm's script on several devices": { state_dict: prefixed('module.', raw), state_dict_ema: averaged },
  "torchvision's references": {
    model: raw,
    model_ema: new Map<string, NDArray | number>([['n_averaged', 7], ...prefixed('module.', averaged)]),
  },
  "mmengine's EMAHook": {
    meta: new Map([['mmengine_version', '0.10.7']]),
    state_dict: averaged,
    ema_state_dict: new Map<string, NDArray | number>([['steps', 7], ...prefixed('module.', raw)]),
  },
  "mmcv's EMAHook, by epochs": { state_dict: new Map([...averaged, ...dotless(raw)]) },
  "mmcv's EMAHook, by iterations": {
    meta: new Map([['config', "runner = dict(type='IterBasedRunner', max_iters=80000)"]]),
    state_dict: new Map([...raw, ...dotless(averaged)]),
  },
  "Lightning's WeightAveraging": {
    state_dict: prefixed('model.', averaged),
    current_model_state: prefixed('model.', raw),
    averaging_state: new Map([['n_averaged', 7]]),
  },
};

describe('averaged weights', () => {
  for (const [trainer, root] of Object.entries(trainers)) {
    it(`of ${trainer} are taken with ema, and the others without`, async () => {
      const average = await filled(smallClassification, root, { ema: true });
      expect(average.value).to.deep.equal(ofAverage);
      expect((await filled(smallClassification, root, { ema: false })).value).to.deep.equal(ofRaw);
      expect(average.notices.join('\n')).to.match(
        /\(averaged\) is used, not .*\{ ema: false \} \(--no-ema on the command line\)/,
      );
    });
  }

  it('are what mmengine, mmcv and Lightning save for use, and the notice says how to get the others', async () => {
    for (const trainer of ["mmengine's EMAHook", "mmcv's EMAHook, by epochs", "Lightning's WeightAveraging"]) {
      const { value, notices } = await filled(smallClassification, trainers[trainer] ?? {});
      expect(value, trainer).to.deep.equal(ofAverage);
      expect(notices.join('\n'), trainer).to.contain(`${trainer.split(',')[0]} saves them so. { ema: false }`);
    }
    const { value, notices } = await filled(smallClassification, trainers["timm's script"] ?? {});
    expect(value).to.deep.equal(ofRaw);
    expect(notices.join('\n')).to.contain('{ ema: true } (--ema on the command line) takes the averaged weights');
  });

  it('are the only ones in a file of torch’s AveragedModel, which needs no option', async () => {
    const root = new Map<string, NDArray | number>([['n_averaged', 3], ...prefixed('module.module.', averaged)]);
    for (const options of [{}, { ema: true }]) {
      expect((await filled(smallClassification, root, options)).value).to.deep.equal(ofAverage);
    }
    const refusal = await refusalOf(() => filled(smallClassification, root, { ema: false }));
    expect(refusal.message).to.match(/averaged weights only.*Load it without ema: false/);
  });

  it('inside a module that keeps a copy are the copy, and the others are the usual ones', async () => {
    for (const [own, copy] of [
      ['model.', 'ema_model.module.'],
      ['online_model.', 'ema_model.'],
      ['', 'model_ema.'],
      ['net.', 'swa_model.module.'],
    ] as const) {
      const counter = [`${copy.replace('module.', '')}n_averaged`, 3] as const;
      const root = {
        state_dict: new Map<string, NDArray | number>([...prefixed(own, raw), counter, ...prefixed(copy, averaged)]),
      };
      const { value, notices } = await filled(smallClassification, root);
      expect(value, copy).to.deep.equal(ofRaw);
      expect(notices.join('\n')).to.contain('(averaged). { ema: true } (--ema on the command line) takes');
      expect(
        (await filled(smallClassification, root, { ema: true, ignore: ['n_averaged'] })).value,
        copy,
      ).to.deep.equal(ofAverage);
      expect(
        (await filled(smallClassification, root, { prefix: copy, ignore: ['n_averaged'] })).value,
        copy,
      ).to.deep.equal(ofAverage);
    }
  });

  it('of mmcv leave running statistics where they are, for which it has no buffer', async () => {
    const parameters = [...averaged].filter(([key]) => !key.includes('running_'));
    const root = { state_dict: new Map([...averaged, ...dotless(new Map(parameters))]) };
    const { value } = await filled(smallClassification, root, { ema: false });
    expect(value).to.deep.equal(ofAverage);
  });

  it('in files that mmengine wrote are told by its counter', async () => {
    const file = new URL('mmengine_ema.pth', import.meta.url);
    const read = async (ema?: boolean) => {
      const checkpoint = await openCheckpoint(bytesSource(readFileSync(file), 'ema.pth'));
      const { entries } = stateDictOf(checkpoint, { ema });
      return { keys: [...entries.keys()], first: (await [...entries.values()][0]?.readFloat32())?.data[0] };
    };
    expect((await read()).first).to.equal(9);
    expect((await read(true)).first).to.equal(9);
    expect((await read(false)).first).to.equal(7);
    expect((await read(false)).keys).to.deep.equal((await read()).keys);
  });
});

const kinds = { classifier: smallClassification, detector: smallDetection, segmentor: smallSegmentation };
const prefixes = [
  'model.',
  'net.',
  'encoder.',
  'student.',
  'base_model.',
  'model.module.',
  'module.model.',
  'detector.',
];
const backboneOnly: ModelConfig = { backbone: smallClassification.backbone };

describe('one prefix in front of every key of a model', () => {
  for (const [kind, config] of Object.entries(kinds)) {
    it(`is taken off the file of a ${kind}, and said`, async () => {
      const weights = smallWeights(config);
      const expected = (await filled(config, weights)).value;
      for (const prefix of prefixes) {
        const { value, notices } = await filled(config, { state_dict: prefixed(prefix, weights) });
        expect(value, prefix).to.deep.equal(expected);
        expect(notices.join('\n'), prefix).to.match(/begins with ".*", which is removed/);
      }
    });
  }

  it('is taken off for a bare backbone, from the file of a classifier or of a model that contains it', async () => {
    const expected = (await filled(backboneOnly, smallWeights(smallClassification))).value;
    for (const prefix of [...prefixes, 'backbone.', 'module.backbone.', 'model.backbone.']) {
      const { value } = await filled(backboneOnly, prefixed(prefix, smallWeights(smallClassification)));
      expect(value, prefix).to.deep.equal(expected);
    }
    const dense = smallWeights(smallSegmentation);
    const inner = (await filled(backboneOnly, dense)).value;
    expect((await filled(backboneOnly, prefixed('model.', dense))).value).to.deep.equal(inner);
  });

  it('is taken off where other keys stand beside, which are named', async () => {
    const beside = new Map([
      ['criterion.weight', { shape: [3], data: new Float32Array(3) }],
      ['train_acc.total', { shape: [1], data: new Float32Array(1) }],
    ]);
    for (const config of Object.values(kinds)) {
      const weights = smallWeights(config);
      const { value, notices } = await filled(config, new Map([...beside, ...prefixed('model.', weights)]));
      expect(value).to.deep.equal(firstOf(weights));
      expect(notices).to.deep.equal([
        'Every key of the model begins with "model.", which is removed.',
        '2 keys of the file are not part of the model and are left out: criterion.weight, train_acc.total.',
      ]);
    }
  });

  it('is refused if two fit, with both named and how to choose, which works', async () => {
    for (const config of [...Object.values(kinds), backboneOnly]) {
      const [student, teacher] = [smallWeights(config, 'student'), smallWeights(config, 'teacher')];
      const root = new Map([...prefixed('student.', student), ...prefixed('teacher.', teacher)]);
      const refusal = await refusalOf(() => filled(config, root));
      expect(refusal.message).to.equal(
        'w.pth: it has the model\'s keys several times, below "student." and "teacher.". Choose one of them: ' +
          '{ prefix: "student." } (--prefix "student." on the command line) or { prefix: "teacher." } (--prefix "teacher." on the command line).',
      );
      for (const [prefix, weights] of Object.entries({ 'student.': student, 'teacher.': teacher, teacher })) {
        expect((await filled(config, root, { prefix })).value).to.deep.equal(firstOf(weights));
      }
    }
  });

  it('may have names of wrappers inside, where a part was compiled or sharded', async () => {
    const weights = smallWeights(smallDetection);
    const wrapped = new Map([...weights].map(([key, value]) => [key.replace('.', '._orig_mod.'), value]));
    const { value, notices } = await filled(smallDetection, prefixed('model._fsdp_wrapped_module.', wrapped));
    expect(value).to.deep.equal(firstOf(weights));
    expect(notices).to.deep.equal([
      'Names of wrappers inside the keys are removed: "_fsdp_wrapped_module.", "_orig_mod.".',
      'Every key of the model begins with "model.", which is removed.',
    ]);
  });

  it('may be given whole, with the part that data parallelism adds, or without', async () => {
    const weights = smallWeights(smallClassification);
    for (const prefix of ['module.model.', 'model.', 'model']) {
      const { value } = await filled(smallClassification, prefixed('module.model.', weights), { prefix });
      expect(value, prefix).to.deep.equal(firstOf(weights));
    }
    const refusal = await refusalOf(() => filled(smallClassification, prefixed('model.', weights), { prefix: 'net.' }));
    expect(refusal.message).to.match(/no key begins with "net\."; the first is "model\./);
  });

  it('is not guessed where a key of the model stands bare', async () => {
    const weights = [...prefixed('model.', smallWeights(smallClassification))];
    const bare = new Map([...weights.slice(1), ...smallWeights(smallClassification)].slice(0, weights.length));
    const refusal = await refusalOf(() => filled(smallClassification, bare));
    expect(refusal.code).to.equal('missing');
    expect(refusal.message.length).to.be.below(900);
  });
});

describe('training state beside the weights', () => {
  it('is passed over, and its classes are named in one notice', async () => {
    const state = {
      optimiser: new CallValue('my_project.train', 'State', []),
      level: new CallValue('other', 'Level', [3]),
    };
    const { value, notices } = await filled(smallClassification, { state_dict: raw, ...state });
    expect(value).to.deep.equal(ofRaw);
    expect(notices).to.deep.equal([
      'Training state of the classes my_project.train.State, other.Level was passed over.',
    ]);
    const one = await filled(smallClassification, { state_dict: raw, optimiser: state.optimiser });
    expect(one.notices).to.deep.equal(['Training state of the class my_project.train.State was passed over.']);
  });

  it('of mmengine’s own log history is no hindrance', async () => {
    const checkpoint = await openCheckpoint(
      bytesSource(readFileSync(new URL('mmengine_epoch_1.pth', import.meta.url)), 'epoch_1.pth'),
    );
    const { entries, set } = stateDictOf(checkpoint);
    expect(set).to.equal('state_dict');
    expect(entries.size).to.be.greaterThan(0);
  });
});

describe('a key of the file that the model lacks', () => {
  const surplus = new Map([['edge_values', { shape: [3], data: new Float32Array(3) }]]);

  it('is left out with a notice beside the modules of a detector or segmentor', async () => {
    for (const config of [smallDetection, smallSegmentation]) {
      const { notices } = await filled(config, new Map([...smallWeights(config), ...surplus]));
      expect(notices).to.deep.equal(['1 key of the file is not part of the model and is left out: edge_values.']);
    }
  });

  it('is refused inside a network, and the remedy works', async () => {
    const cases = [
      [smallClassification, 'edge_values'],
      [backboneOnly, 'edge_values'],
      [smallDetection, 'backbone.stages.extra'],
      [smallSegmentation, 'decode_head.extra.weight'],
    ] as const;
    for (const [config, key] of cases) {
      const value = { shape: [3], data: new Float32Array(3) };
      const root = new Map([...smallWeights(config), [key, value] as const]);
      const refusal = await refusalOf(() => filled(config, root));
      expect(refusal.reason).to.equal(`it does not fit the model: 1 unexpected: ${key}`);
      expect(refusal.remedy).to.contain(`{ ignore: ['${key}'] } (--ignore ${key} on the command line).`);
      expect((await filled(config, root, { ignore: [key] })).notices).to.deep.equal([]);
      expect((await filled(config, root, { ignore: [key.replace(/[^.]*$/, '') || key] })).notices).to.deep.equal([]);
    }
  });

  it('does not fill a screen if there are many', async () => {
    const many = new Map(
      Array.from({ length: 500 }, (_, i) => [
        `${'very_long_name_'.repeat(40)}${i}`,
        { shape: [1], data: new Float32Array(1) },
      ]),
    );
    const refusal = await refusalOf(() => filled(smallClassification, many));
    expect(refusal.message).to.contain('500 unexpected').and.to.contain('and 496 more');
    expect(refusal.message.length).to.be.below(1000);
  });
});
