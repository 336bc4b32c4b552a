import { expect } from 'chai';
import { createBackbone, createModel, loadModel, type ModelConfig, type Stage, type Tables } from 'moganet';
import type { Neck } from 'moganet/heads';
import { conv2d, type Scope, type Value } from 'moganet/nn';
import * as z from 'zod';
import { fpnConfig } from '../../heads/fpn.ts';

/** What the compiler refuses in configurations. The lines with `@ts-expect-error` fail the type check if they compile. */

const plain = ({ width = 4 }: { width?: number }) => ({
  stages: [4, 8, 16, 32].map((stride): Stage => ({ channels: width, stride })),
  forward: (scope: Scope, image: Value) => {
    const levels: Value[] = [];
    let x = conv2d(scope.at('stem'), image, width, { kernel: 4, stride: 4, padding: 0 });
    for (const [i] of [4, 8, 16, 32].entries()) {
      if (i > 0) x = conv2d(scope.at(i), x, width, { kernel: 2, stride: 2, padding: 0 });
      levels.push(x);
    }
    return levels;
  },
});

const boxesConfig = z.strictObject({
  type: z.literal('boxes'),
  classes: z.array(z.string()),
  neck: fpnConfig,
  input: z.strictObject({ scale: z.tuple([z.int(), z.int()]), divisor: z.int().default(32) }),
  most: z.int().default(3),
});
const boxes = {
  config: boxesConfig,
  make: (_config: z.output<typeof boxesConfig>, neck: Neck) => ({
    modules: ['neck'],
    forward: (scope: Scope, pyramid: readonly Value[]) => ({ level: neck.forward(scope.at('neck'), pyramid)[0]! }),
    parts: [],
    detect: () => Promise.resolve([]),
  }),
};
const tables = { backbones: { plain }, detectors: { boxes } } satisfies Tables;

const neck = { type: 'fpn' as const, channels: 8, outs: 4 };
const input: { scale: [number, number] } = { scale: [64, 64] };

describe('the types of configurations', () => {
  it('refuse a misspelt field or value of a backbone', () => {
    const wrong: (() => unknown)[] = [
      // @ts-expect-error: no such field
      () => createModel({ backbone: { type: 'moganet', arch: 'xt', arhc: 'xt' } }),
      // @ts-expect-error: the field is missing, and another is unknown
      () => createModel({ backbone: { type: 'moganet', arhc: 'xt' } }),
      // @ts-expect-error: no such size
      () => createModel({ backbone: { type: 'moganet', arch: 'xtt' } }),
      // @ts-expect-error: no such depth
      () => createModel({ backbone: { type: 'resnet', depth: 51 } }),
      // @ts-expect-error: no such backbone
      () => createModel({ backbone: { type: 'mogant', arch: 'xt' } }),
      // @ts-expect-error: nor with tables that lack it
      () => createModel({ backbone: { type: 'moganet', arch: 'xtt' } }, tables),
      // @ts-expect-error: nor under another name
      () => createModel({ backbone: { type: 'plane' } }, tables),
    ];
    for (const create of wrong) expect(create).to.throw();
  });

  it('refuse the same in loadModel and createBackbone', async () => {
    const weights = new Uint8Array();
    const wrong: (() => Promise<unknown>)[] = [
      // @ts-expect-error: no such size
      () => loadModel({ config: { backbone: { type: 'moganet', arch: 'xtt' } }, weights }),
      // @ts-expect-error: no such depth
      () => loadModel({ config: { backbone: { type: 'resnet', depth: 51 } }, weights }, { engine: 'cpu' }),
      // @ts-expect-error: no such field
      () => createBackbone({ type: 'moganet', arhc: 'xt' }, { weights }),
      // @ts-expect-error: no such depth
      () => createBackbone({ type: 'resnet', depth: 51 }, { weights }),
      // @ts-expect-error: a width is a number
      () => createBackbone({ type: 'plain', width: 'wide' }, { weights, backbones: { plain } }),
    ];
    for (const load of wrong) {
      const outcome = await load().catch((error: unknown) => error);
      expect(outcome).to.be.instanceOf(Error);
    }
  });

  it('take the parts of the caller’s tables, and refuse wrong fields of them', () => {
    const detection = { type: 'boxes' as const, classes: ['a'], neck, input };
    const { config } = createModel({ backbone: { type: 'plain', width: 8 }, detection }, tables);
    expect(config.backbone).to.deep.equal({ type: 'plain', width: 8 });
    const named: ModelConfig<typeof tables> = { backbone: { type: 'plain' }, detection: { ...detection, most: 7 } };
    expect(createModel(named, tables).config.detection).to.include({ most: 7 });
    type Detection = ModelConfig<typeof tables>['detection'];
    // @ts-expect-error: no such field of the detector
    const wrong: Detection = { type: 'boxes', classes: ['a'], neck, input, mots: 7 };
    expect(() => createModel({ ...named, detection: wrong }, tables)).to.throw(/most/);
  });
});
