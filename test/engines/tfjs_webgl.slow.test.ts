import { join } from 'node:path';
import { expect } from 'chai';
import type { Engine } from '../../src/nn/index.ts';
import { type BrowserEngine, browserEngine } from '../harness/browser_engine.ts';
import { engines } from '../harness/engines.ts';
import { networkRunners } from '../harness/golden/networks.ts';
import { openCase, shippedGolden } from '../harness/golden.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { expectClose, resultOf } from '../harness/operations.ts';

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
    [join(shippedGolden, 'heads'), 'resize'],
  ] as const) {
    it(`gives the numbers of ${name}`, async () => {
      const golden = await openCase(folder, name);
      await networkRunners(engine)[golden.kind]!(golden);
    });
  }

  it('keeps no tensors', async () => {
    expect(await engine.tensorCount()).to.equal(0);
  });
});
