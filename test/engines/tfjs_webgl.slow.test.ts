import { join } from 'node:path';
import { expect } from 'chai';
import { conv2d, type Engine, F, map, programOf, recordPart } from '../../src/nn/index.ts';
import { type BrowserEngine, browserEngine } from '../harness/browser_engine.ts';
import { engines } from '../harness/engines.ts';
import { networkRunners } from '../harness/golden/networks.ts';
import { openCase, shippedGolden } from '../harness/golden.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { expectClose, resultOf } from '../harness/operations.ts';
import { rejection } from '../harness/rejection.ts';

describe('the engine webgl, in Chromium', () => {
  let engine: BrowserEngine;
  let reference: Engine;
  before(async function () {
    const started = await browserEngine('webgl');
    if (typeof started === 'string') {
      console.log(`      skipped: ${started}`);
      this.skip();
    }
    engine = started;
    reference = (await engines.cpu!()) as Engine;
  });
  after(async () => {
    await engine?.dispose();
    await reference?.dispose();
  });

  it('names the device', () => {
    expect(engine.detail).to.match(/\w/);
  });

  for (const operation of operationCases) {
    it(`computes ${operation.name}`, async () => {
      expectClose(await resultOf(engine, operation), operation.expected ?? (await resultOf(reference, operation)));
    });
  }

  for (const [folder, name] of [
    [shippedGolden, 'moganet_pico_32x48'],
    [shippedGolden, 'moganet_nano_trace_48x64'],
    [shippedGolden, 'moganet_nano_75x93_b2'],
    [shippedGolden, 'moganet_nano_split_1_1_2'],
    [join(shippedGolden, 'heads'), 'resize'],
  ] as const) {
    it(`gives the numbers of ${name}`, async () => {
      const golden = await openCase(folder, name);
      await networkRunners(engine)[golden.kind]!(golden);
    });
  }

  it('refuses numbers that mean nothing, which relu and pooling pass on', async () => {
    for (const apply of [F.relu, F.hardsigmoid, F.gelu, F.globalAvgPool]) {
      const graph = recordPart({
        name: 'part',
        inputs: { x: map(1) },
        forward: (scope, { x }) => {
          const infinite = conv2d(scope.at('conv'), x, 1, { kernel: 1, bias: false });
          return { y: apply(F.sub(infinite, infinite)) };
        },
      });
      const weights = new Map([['conv.weight', { shape: [1, 1, 1, 1], data: Float32Array.of(3e38) }]]);
      const runner = await engine.load(programOf('part', graph, weights));
      const x = { shape: [1, 1, 2, 2], data: new Float32Array(4).fill(8) };
      expect((await rejection(runner.run({ x }))).message).to.match(/part: y, computed by webgl, is not finite: \d of/);
      runner.dispose();
    }
  });

  it('keeps no tensors', async () => {
    expect(await engine.tensorCount()).to.equal(0);
  });
});
