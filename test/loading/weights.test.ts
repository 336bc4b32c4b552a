import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { bytesSource, writeSafetensors } from '../../src/formats/index.ts';
import { configKey } from '../../src/loading/recognise.ts';
import { openWeights } from '../../src/loading/weights.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel, modelParameters } from '../../src/models/create.ts';
import { rejection } from '../harness/rejection.ts';
import { seededWeight } from '../harness/seeded.ts';

const arch = { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1], ratios: [4, 4, 2, 2] };
const pico: ModelConfig = { backbone: { type: 'moganet', arch }, classification: { classes: 5 } };
const bare: ModelConfig = { backbone: { type: 'moganet', arch } };

const modelOf = (config: ModelConfig) => ({ config, definition: createModel(config) });

const checkpoint = (file: string) => {
  const path = new URL(`../golden/checkpoints/${file}`, import.meta.url).pathname;
  return bytesSource(readFileSync(path), file);
};

async function file(config: ModelConfig, rename = (key: string) => key, metadata = {}) {
  const tensors = modelParameters(createModel(config))
    .filter(({ kind }) => kind !== 'ignored')
    .map(({ key, shape }) => [rename(key), seededWeight(key, shape)] as const);
  return bytesSource(await writeSafetensors(new Map(tensors), metadata).bytes(), 'test.safetensors');
}

describe('opening weights', () => {
  it('finds the configuration that this package wrote', async () => {
    const source = await file(pico, undefined, { [configKey]: JSON.stringify(pico) });
    expect((await openWeights(source)).config).to.deep.equal(pico);
  });

  it('matches the keys and shapes of a published model if the file has no configuration', async () => {
    const s: ModelConfig = { backbone: { type: 'moganet', arch: 's' }, classification: { classes: 1000 } };
    const { config, notices } = await openWeights(await file(s));
    expect(config.name).to.equal('moganet_s');
    expect(notices).to.deep.equal([]);
  });

  it('takes the published default among unequal networks, and names the others', async () => {
    const t: ModelConfig = { backbone: { type: 'moganet', arch: 't' }, classification: { classes: 1000 } };
    const inOpenMixup = (key: string) =>
      key.startsWith('head.') ? key.replace('head.', 'head.fc.') : `backbone.${key}`;
    for (const rename of [undefined, inOpenMixup]) {
      const { config, notices } = await openWeights(await file(t, rename));
      expect(config.name).to.equal('moganet_t');
      expect(notices).to.have.length(1);
      expect(notices[0]).to.match(/taken for moganet_t\. .* fit moganet_t_256, moganet_t_256_openmixup/);
    }
  });

  it('lists the nearest models if none fits', async () => {
    const error = await rejection(openWeights(await file(pico)));
    expect(error.message).to.match(/^test\.safetensors: the weights fit no known model, .* Nearest:\n {2}moganet_/s);
  });

  it('matches a published model whose keys all have one prefix, and fills it', async () => {
    const s: ModelConfig = { backbone: { type: 'moganet', arch: 's' }, classification: { classes: 1000 } };
    const renames: Readonly<Record<string, (key: string) => string>> = {
      'model.': (key) => `model.${key}`,
      'net.module.': (key) => `net.module.${key}`,
      'base_model.': (key) => `base_model.backbone.${key}`, // OpenMixup's key layout has `backbone.` itself
    };
    for (const [prefix, rename] of Object.entries(renames)) {
      const { config, definition, notices, fill } = await openWeights(await file(s, rename));
      expect(config.name).to.equal('moganet_s');
      expect(notices).to.deep.equal([`Every key of the model begins with "${prefix}", which is removed.`]);
      await fill(modelParameters(definition));
    }
    const shipped = new URL('../../samples/weights/facade.safetensors', import.meta.url);
    const { entries } = await openWeights(bytesSource(readFileSync(shipped), 'facade.safetensors'));
    const below = async (prefixes: readonly string[]) => {
      const keys = prefixes.flatMap((prefix) => [...entries].map(([key, { shape }]) => [prefix + key, shape] as const));
      const tensors = new Map(keys.map(([key, shape]) => [key, seededWeight(key, shape)]));
      return openWeights(bytesSource(await writeSafetensors(tensors).bytes(), 'epoch.ckpt'));
    };
    expect((await below(['model.'])).config.name).to.equal('facade');
    const error = await rejection(below(['student.', 'teacher.']));
    expect(error.message)
      .to.contain('(--prefix "student." on the command line)')
      .and.to.contain('(--prefix "teacher."');
  });

  it('matches a detector or segmentor beside whose modules there are other keys, and the one with the fewest of them', async () => {
    const shipped = new URL('../../samples/weights/facade.safetensors', import.meta.url);
    const { entries } = await openWeights(bytesSource(readFileSync(shipped), 'facade.safetensors'));
    const withKeys = async (...keys: readonly string[]) => {
      const shapes = [...entries].map(([key, { shape }]) => [key, shape] as const);
      const all = [...shapes, ...keys.map((key) => [key, [3]] as const)];
      const tensors = new Map(all.map(([key, shape]) => [key, seededWeight(key, shape)]));
      return openWeights(bytesSource(await writeSafetensors(tensors).bytes(), 'epoch.pth'));
    };
    const { config, notices } = await withKeys('edge_values', 'criterion.weight');
    expect(config.name).to.equal('facade');
    expect(notices).to.deep.equal([
      '2 keys of the file are not part of the model and are left out: criterion.weight, edge_values.',
    ]);
    const inside = await rejection(withKeys('backbone.extra.weight'));
    expect(inside.message).to.contain('facade does not have backbone.extra.weight.');
  });

  it('says how to leave out a key that a classifier does not have, which works', async () => {
    const s: ModelConfig = { backbone: { type: 'moganet', arch: 's' }, classification: { classes: 1000 } };
    const tensors = modelParameters(createModel(s))
      .filter(({ kind }) => kind !== 'ignored')
      .map(({ key, shape }) => [key, seededWeight(key, shape)] as const);
    const more = new Map([...tensors, ['edge_values', seededWeight('edge_values', [3])] as const]);
    const source = bytesSource(await writeSafetensors(more).bytes(), 'test.safetensors');
    const error = await rejection(openWeights(source));
    expect(error.message)
      .to.contain('moganet_s does not have edge_values.')
      .and.to.contain("{ ignore: ['edge_values'] }");
    expect((await openWeights(source, { ignore: ['edge_values'] })).config.name).to.equal('moganet_s');
  });

  it('names no model as near that has none of its keys, and sees through a prefix to those that are', async () => {
    const stranger = await rejection(openWeights(await file(pico, (key) => `x_${key.replaceAll('.', '_')}`)));
    expect(stranger.message).to.contain('No known model has any of its keys: ').and.not.to.contain('Nearest');
    const prefixed = await rejection(openWeights(await file(pico, (key) => `model.${key}`)));
    const plain = await rejection(openWeights(await file(pico)));
    expect(prefixed.message).to.equal(plain.message);
    expect(plain.message).to.match(/--model with the name of a model or a JSON file\.$/);
  });

  it('fills a bare backbone from a classifier in any key layout', async () => {
    const inOpenMixup = (key: string) =>
      key.startsWith('head.') ? key.replace('head.', 'head.fc.') : `backbone.${key}`;
    for (const rename of [undefined, inOpenMixup]) {
      const opened = await openWeights(await file(pico, rename), { model: modelOf(bare) });
      const weights = await opened.fill(modelParameters(createModel(bare)));
      expect(weights.get('norm4.weight')?.data).to.deep.equal(seededWeight('norm4.weight', [32]).data);
      expect(weights.has('head.weight')).to.equal(false);
    }
  });

  it('reports missing, unexpected and misshapen tensors together', async () => {
    const six: ModelConfig = { ...pico, classification: { classes: 6 } };
    const source = await file(pico, (key) => (key === 'norm1.weight' ? 'norm9.weight' : key));
    const opened = await openWeights(source, { model: modelOf(six) });
    const error = await rejection(opened.fill(modelParameters(createModel(six))));
    expect(error.message).to.contain('1 missing: norm1.weight');
    expect(error.message).to.contain('1 unexpected: norm9.weight');
    expect(error.message).to.contain('head.weight [5, 32] (the model has [6, 32])');
  });

  it('lets the caller choose between two sets, and names the other', async () => {
    const plain = await openWeights(checkpoint('pico_module_ema.pth.tar'), { model: modelOf(pico) });
    expect(plain.notices.join(' ')).to.contain('"state_dict_ema"');
    const averaged = await openWeights(checkpoint('pico_module_ema.pth.tar'), { model: modelOf(pico), ema: true });
    const published = await openWeights(checkpoint('pico_module_ema.pth.tar'), {
      model: modelOf(pico),
      emaPublished: true,
    });
    const parameters = modelParameters(createModel(pico));
    const [a, b, c] = await Promise.all([plain, averaged, published].map((opened) => opened.fill(parameters)));
    expect(a?.get('norm1.weight')?.data).to.deep.equal(seededWeight('norm1.weight', [8]).data);
    expect(b?.get('norm1.weight')?.data).to.deep.equal(seededWeight('norm1.weight', [8], { salt: 'ema:' }).data);
    expect(c).to.deep.equal(b);
  });
});
