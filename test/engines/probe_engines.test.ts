import { expect } from 'chai';
import { EngineError, probeEngines } from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { engineProber } from '../../src/engines/probe_engines.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { rejection } from '../harness/rejection.ts';

describe('probing engines', () => {
  it('says which start, why the others do not, and the time of each', async () => {
    const disposed: string[] = [];
    const open = async (name: string) => {
      if (name === 'missing') throw new EngineError('it is not installed.');
      const engine = await openNodeEngine('wasm');
      return changedEngine(engine, {
        weakness: name === 'weak' ? 'it is computed in software' : undefined,
        dispose: async () => {
          disposed.push(name);
          await engine.dispose();
        },
      });
    };
    const told: string[] = [];
    const probes = await engineProber(
      ['good', 'missing', 'weak'],
      open,
    )({ onProbe: ({ engine }) => told.push(engine) });
    const [good, missing, weak] = probes;
    expect(good).to.include({ engine: 'good', starts: true, detail: '1 thread, SIMD', blocking: true });
    expect(good).to.not.have.property('reason');
    expect(good?.weakness).to.equal(undefined);
    expect(good?.maxError).to.be.within(0, 1e-5);
    expect(good?.milliseconds).to.be.within(0.1, 10_000);
    expect(missing).to.deep.equal({
      engine: 'missing',
      starts: false,
      detail: undefined,
      reason: 'it is not installed.',
    });
    expect(weak).to.include({ starts: true, weakness: 'it is computed in software' });
    expect(told).to.deep.equal(['good', 'missing', 'weak']);
    expect(disposed).to.deep.equal(['good', 'weak']);
  }).timeout(30_000);

  it('tells an engine that starts and computes other numbers', async () => {
    const open = async () => {
      const engine = await openNodeEngine('cpu');
      const load = () => Promise.reject(new EngineError('the driver gave up.'));
      return changedEngine(engine, { load });
    };
    expect(await engineProber(['broken'], open)()).to.deep.equal([
      { engine: 'broken', starts: false, detail: 'plain JavaScript', reason: 'the driver gave up.' },
    ]);
  });

  it('probes those of Node that are asked for, and ends at an abort', async () => {
    const stop = new AbortController();
    const probing = probeEngines({
      engines: ['onnxruntime', 'wasm'],
      signal: stop.signal,
      onProbe: () => stop.abort(new Error('enough')),
    });
    expect((await rejection(probing)).message).to.equal('enough');
  }).timeout(30_000);
});
