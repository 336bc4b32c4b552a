import { expect } from 'chai';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { onnxEngine } from '../../src/engines/onnx/engine.ts';
import { Recording } from '../../src/nn/scope.ts';
import { loadModel } from '../../src/node.ts';
import { imageOf, smallFile, smallPose } from '../harness/small_model.ts';

const boxesOf = (count: number) => Array.from({ length: count }, (_, i) => [i, 2 * i, i + 30 + (i % 7), 2 * i + 50]);

describe('the boxes of a pose model', () => {
  it('run in one session that is made once, from a graph that is recorded once, whatever their number', async function () {
    const { ort, reason } = await loadOnnxRuntime();
    if (!ort) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    const made = { sessions: 0, graphs: 0 };
    const { finish } = Recording.prototype;
    Recording.prototype.finish = function (...given) {
      made.graphs++;
      return finish.apply(this, given);
    };
    try {
      const engine = onnxEngine({
        Tensor: ort.Tensor,
        InferenceSession: {
          create: (...given) => {
            made.sessions++;
            return ort.InferenceSession.create(...given);
          },
        },
      });
      const model = await loadModel({ weights: await smallFile(smallPose) }, { engine });
      expect(made.sessions).to.equal(1);
      expect(made.graphs).to.be.above(0);
      const before = { ...made };
      const image = imageOf(120, 160);
      for (const count of [20, 1, 20, 7, 33, 0]) {
        const { poses } = await model.predict(image, { boxes: boxesOf(count) });
        expect(poses?.length).to.equal(count);
      }
      expect(made).to.deep.equal(before);
      await model.dispose();
    } finally {
      Recording.prototype.finish = finish;
    }
  });

  it('give the same together as one by one', async () => {
    const model = await loadModel({ weights: await smallFile(smallPose) }, { engine: 'cpu' });
    const image = imageOf(120, 160);
    const boxes = boxesOf(18);
    const { poses } = await model.predict(image, { boxes });
    for (const [i, box] of boxes.entries()) {
      const { poses: alone } = await model.predict(image, { boxes: [box] });
      expect(poses?.at(i)).to.deep.equal({ ...alone?.at(0), index: i });
    }
    await model.dispose();
  });
});
