import { expect } from 'chai';
import * as z from 'zod';
import type { ClassifierBackbone, Family, Stage } from '../../src/backbones/backbone.ts';
import { families } from '../../src/backbones/index.ts';
import { ConfigError } from '../../src/errors.ts';
import { createModel } from '../../src/models/create.ts';
import { conv2d, F, linear, module, relu, type Scope, type Value } from '../../src/nn/index.ts';
import { describeBackbone, describeBackbonesOnEngines } from '../contracts/backbone_suite.ts';
import { familyKind } from '../harness/golden/backbone_kinds.ts';

/*
 * A backbone is added in four places: `src/backbones/NAME.ts`, which exports one `Family`; one line in the table of
 * `src/backbones/index.ts`; its family's configurations; a golden. These are the first of them, tiny, and a copy of the
 * table with that line. The contract suite then runs over it as over the others.
 */

const tinyConfig = z.strictObject({ type: z.literal('tiny'), width: z.int().positive() });
type TinyConfig = z.input<typeof tinyConfig>;

const stage = module((scope: Scope, x: Value, channels: number, kernel: number, stride: number) =>
  relu(scope.at('act'), conv2d(scope.at('conv'), x, channels, { kernel, stride })),
);

function tiny({ width }: TinyConfig): ClassifierBackbone {
  const stages: Stage[] = [0, 1, 2, 3].map((i) => ({ channels: width * 2 ** i, stride: 4 * 2 ** i }));
  const forward = (scope: Scope, image: Value): Value[] => {
    let x = image;
    return stages.map(({ channels }, i) => {
      x = stage(scope.at('stages').at(i), x, channels, i === 0 ? 5 : 3, i === 0 ? 4 : 2);
      return x;
    });
  };
  const classify = (scope: Scope, image: Value, classes: number) => {
    const pyramid = forward(scope, image);
    return { pyramid, logits: linear(scope.at('head'), F.globalAvgPool(pyramid.at(-1)!), classes) };
  };
  return { stages, forward, classify };
}

const tinyFamily = {
  title: 'Tiny',
  config: tinyConfig,
  make: tiny,
  keyLayouts: [{ has: 'backbone.body.0.conv.weight', whole: /^backbone\./, rules: [[/^backbone\.body\./, 'stages.']] }],
  small: { type: 'tiny', width: 4 },
  medium: { type: 'tiny', width: 256 },
} satisfies Family<typeof tinyConfig>;

const table: Readonly<Record<string, Family>> = { ...families, tiny: tinyFamily };

describe('a backbone that is added', () => {
  it('is named among the known backbones', () => {
    const backbones = Object.fromEntries(Object.entries(table).map(([name, { make }]) => [name, make]));
    const wrong = { backbone: { type: 'tinny' } };
    expect(() => createModel(wrong, { backbones })).to.throw(
      ConfigError,
      /Did you mean "tiny"\? Known: .*macro, tiny\./,
    );
  });

  it('has goldens of its type, without a line in the harness', () => {
    const { backbone, classes } = familyKind(tinyFamily, { kind: 'tiny', kwargs: { width: 2 } });
    expect(classes).to.equal(1000);
    expect(backbone.stages[0]).to.deep.equal({ channels: 2, stride: 4 });
  });
});

describeBackbone('tiny', tinyFamily);
describeBackbonesOnEngines({ tiny: tinyFamily });
