import { expect } from 'chai';
import { geometryOf } from '../../src/image/geometry.ts';
import { createModel } from '../../src/models/create.ts';
import type { TaskInputs } from '../../src/models/task.ts';
import type { Pause } from '../../src/slices.ts';
import { breather } from '../../src/turn.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput } from '../harness/seeded.ts';
import { smallSegmentation } from '../harness/small_model.ts';
import { hostTensor, onFeatures, taskOf } from '../harness/tasks.ts';

/** A segmentation of noise in many classes: in noise all classes are candidates, so it takes seconds on a large image. */
const classes = Array.from({ length: 150 }, (_, i) => `class ${i}`);
const { segmentation } = smallSegmentation;
const task = taskOf(
  createModel({ ...smallSegmentation, segmentation: { ...segmentation!, classes, dataset: undefined } }),
  'segmentation',
);
const logits = hostTensor([1, 150, 32, 32], seededInput('logits', [1, 150, 32, 32]).data);

function inputs(edge: number, pause: Pause): TaskInputs {
  const input = { height: 128, width: 128 };
  const geometry = geometryOf({ height: edge, width: edge }, input, input);
  return { ...onFeatures({ seg_logits: logits }, [geometry]), pause };
}

describe('a segmentation that takes long', () => {
  it('lets timers run meanwhile', async () => {
    let [longest, last] = [0, performance.now()];
    const timer = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 5);
    const start = performance.now();
    await task.predict(inputs(1536, breather()), {});
    clearInterval(timer);
    // 5 to 20 ms on an idle machine. Without pauses it would be the whole time.
    expect(longest).to.be.below(Math.max(250, (performance.now() - start) / 2));
  });

  it('hears an abort by a timer', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('too long')), 30);
    const error = await rejection(task.predict(inputs(4096, breather(abort.signal)), {}));
    expect(error).to.equal(abort.signal.reason);
  });
});
