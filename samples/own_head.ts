/** A head of one's own on a known backbone: three lines of network, three of decoding, no registration. */
import { createModel, type Head, modelParameters, type Stage, type Value } from 'moganet';
import { conv2d, F } from 'moganet/nn';

/** Where in the image something bright is: one score per pixel of the coarsest level. */
function saliency({ channels }: { channels: number }, stages: readonly Stage[]): Head<{ x: number; y: number }> {
  const { stride } = stages.at(-1)!;
  return {
    forward: (scope, pyramid) => {
      const x: Value = F.relu(conv2d(scope.at('conv'), pyramid.at(-1)!, channels, { kernel: 3 }));
      return { score: conv2d(scope.at('score'), x, 1, { kernel: 1 }) };
    },
    decode: ({ score }, { scaleX, scaleY }) => {
      const best = score!.data.indexOf(Math.max(...score!.data));
      const width = score!.shape[3]!;
      return { x: ((best % width) * stride) / scaleX, y: (Math.floor(best / width) * stride) / scaleY };
    },
  };
}

const model = createModel(
  { backbone: { type: 'moganet', arch: 'xt' }, head: { type: 'saliency', channels: 64 } },
  { heads: { saliency } },
);
const own = modelParameters(model).filter(({ key }) => key.startsWith('head.'));
console.log(own.map(({ key, shape }) => `${key}  ${shape.join('×')}`).join('\n'));
