import * as tf from '@tensorflow/tfjs';
import { expect } from 'chai';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { type Engine, F, map, programOf, recordPart, type Value } from '../../src/nn/index.ts';
import { namedOutputs } from '../harness/engines.ts';
import { rejection } from '../harness/rejection.ts';

/** A run of TensorFlow.js gives the thread back between its steps. */

const steps = 120;

/** x → hardswish → hardswish → … */
const long = recordPart({
  name: 'long',
  inputs: { x: map(4) },
  forward: (_, { x }) => {
    let y: Value = x;
    for (let i = 0; i < steps; i++) y = F.hardswish(y);
    return { y };
  },
});
const program = programOf('long', long, new Map());

/** Maps so large that a step takes about a millisecond, and a run many turns. */
const edges = { cpu: 128, wasm: 512 };

for (const name of ['cpu', 'wasm'] as const) {
  describe(`a long run on ${name}`, () => {
    const page = name === 'cpu' ? 'wasm' : 'cpu';
    const edge = edges[name];
    /** hardswish keeps 3 as it is. */
    const input = () => ({ shape: [1, 4, edge, edge], data: new Float32Array(4 * edge ** 2).fill(3) });
    const engines: Engine[] = [];
    before(async () => {
      engines.push(await tfjsEngine(name), await tfjsEngine(name), await tfjsEngine(page));
      await tf.setBackend(page);
    });
    after(() => Promise.all(engines.map((each) => each.dispose())));

    const loaded = async (index = 0) => {
      const engine = engines[index];
      if (!engine) throw new Error('no engine');
      return engine.load(program);
    };

    it('lets others have the thread, with the page’s backend and scopes', async () => {
      const runner = await loaded();
      const before = tf.memory().numTensors;
      const seen: string[] = [];
      const watch = setInterval(() => {
        seen.push(tf.getBackend());
        // the page's work and its scopes come between two steps
        tf.tidy(() => tf.add(tf.ones([2]), 1).dataSync());
      }, 0);
      tf.engine().startScope();
      const run = namedOutputs(runner, { x: input() }, 'y');
      await new Promise((resolve) => setTimeout(resolve, 1));
      tf.engine().endScope(); // with what the page made in it
      const { y } = await run;
      clearInterval(watch);
      expect(seen.length).to.be.greaterThan(1);
      expect([...new Set(seen)]).to.deep.equal([page]);
      expect((await y.read()).data.every((value) => value === 3)).to.equal(true);
      y.dispose();
      expect(tf.memory().numTensors).to.equal(before);
      runner.dispose();
    });

    it('ends with the reason of an abort, and frees what it made', async () => {
      const runner = await loaded();
      const before = tf.memory().numTensors;
      const aborting = new AbortController();
      const reason = new RangeError('enough');
      setTimeout(() => aborting.abort(reason), 1);
      expect(await rejection(runner.run({ x: input() }, undefined, aborting.signal))).to.equal(reason);
      expect(tf.memory().numTensors).to.equal(before);
      expect(tf.getBackend()).to.equal(page);
      expect(await rejection(runner.run({ x: input() }, ['y'], aborting.signal))).to.equal(reason);
      const { y } = await namedOutputs(runner, { x: input() }, 'y');
      y.dispose();
      runner.dispose();
    });

    it('waits for the run of another engine on the same backend, and neither spoils the other', async () => {
      const [first, second] = await Promise.all([loaded(0), loaded(1)]);
      const before = tf.memory().numTensors;
      const order: string[] = [];
      const results = await Promise.all(
        [first, second, first].map(async (runner, i) => {
          const outputs = await namedOutputs(runner, { x: input() }, 'y');
          order.push(`${i}`);
          return outputs.y;
        }),
      );
      expect(order).to.deep.equal(['0', '1', '2']);
      for (const y of results) {
        expect((await y.read()).data.every((value) => value === 3)).to.equal(true);
        y.dispose();
      }
      expect(tf.memory().numTensors).to.equal(before);
      for (const runner of [first, second]) runner.dispose();
    });

    it('keeps an input on the device that its owner disposes meanwhile', async () => {
      const runner = await loaded();
      const before = tf.memory().numTensors;
      const { y: x } = await namedOutputs(runner, { x: input() }, 'y');
      const run = namedOutputs(runner, { x }, 'y');
      await new Promise((resolve) => setTimeout(resolve, 1));
      x.dispose();
      const { y } = await run;
      expect((await y.read()).data.every((value) => value === 3)).to.equal(true);
      y.dispose();
      expect(tf.memory().numTensors).to.equal(before);
      runner.dispose();
    });

    it('is finished before its runner is freed', async () => {
      const before = tf.memory().numTensors;
      const runner = await loaded();
      const run = namedOutputs(runner, { x: input() }, 'y');
      await new Promise((resolve) => setTimeout(resolve, 1));
      runner.dispose();
      const { y } = await run;
      expect((await y.read()).data.every((value) => value === 3)).to.equal(true);
      y.dispose();
      expect(tf.memory().numTensors).to.equal(before);
    });
  });
}
