import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-webgl';
import { expect } from 'chai';
import { onBackend, startBackend } from '../../src/engines/tfjs/backend.ts';
import { type Plan, planOf, type Step } from '../../src/engines/tfjs/replay.ts';
import { fused } from '../../src/engines/tfjs/webgl/fuse.ts';
import {
  conv2d,
  F,
  map,
  parametersOf,
  programOf,
  recordPart,
  regions,
  type Scope,
  type Value,
} from '../../src/nn/index.ts';
import { seededWeight } from '../harness/seeded.ts';

/** Which operations become one WebGL program. Nothing is computed here: Node has no WebGL. */

describe('a plan for WebGL', () => {
  const flag = 'WEBGL_VERSION';
  before(async () => {
    tf.env().set(flag, 2);
    await startBackend('cpu');
  });
  after(() => tf.env().set(flag, 0)); // as it is in Node

  function planFor(forward: (scope: Scope, x: Value) => Readonly<Record<string, Value>>, channels = 4): Plan {
    const graph = recordPart({
      name: 'net',
      inputs: { x: map(channels) },
      forward: (scope, { x }) => forward(scope, x),
    });
    const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));
    return onBackend('cpu', () => fused(planOf(programOf('net', graph, weights))));
  }
  const namesOf = ({ steps }: Plan): string[] => steps.map(({ node }: Step) => node.op);
  const dense = (scope: Scope, x: Value, channels = x.channels) => conv2d(scope, x, channels, { kernel: 1 });

  it('joins what follows a convolution to it, and the convolution that is computed last', () => {
    const plan = planFor((scope, x) => {
      const gate = F.silu(dense(scope.at('gate'), x));
      return {
        y: F.add(F.scale(F.mul(gate, F.gelu(dense(scope.at('value'), x))), scope.parameter('s', [1, 4, 1, 1])), x),
      };
    });
    expect(namesOf(plan)).to.deep.equal(['conv2d', 'add']);
  });

  it('keeps what two steps read, or the caller', () => {
    const twice = planFor((scope, x) => {
      const y = dense(scope.at('c'), x);
      return { y: F.mul(F.relu(y), F.sub(y, F.globalAvgPool(y))) };
    });
    expect(namesOf(twice)).to.deep.equal(['conv2d', 'globalAvgPool', 'mul']);
    const handed = planFor((scope, x) => {
      const y = dense(scope.at('c'), x);
      return { y, z: F.relu(y) };
    });
    expect(namesOf(handed)).to.deep.equal(['conv2d', 'relu']);
  });

  it('does not compute a convolution at pixels that it does not have', () => {
    const plan = planFor((scope, x) => ({ y: F.add(x, F.gelu(dense(scope.at('c'), F.globalAvgPool(x)))) }));
    expect(namesOf(plan)).to.deep.equal(['globalAvgPool', 'conv2d', 'add']);
  });

  it('does not repeat an activation of one channel for all', () => {
    const plan = planFor((scope, x) => ({ y: F.sub(x, F.gelu(dense(scope.at('c'), x, 1))) }));
    expect(namesOf(plan)).to.deep.equal(['gelu', 'sub']);
  });

  it('reads slices and concatenations where their channels are, if no texel is split', () => {
    const split = (first: number) => (scope: Scope, x: Value) => {
      const depthwise = (name: string, y: Value) =>
        conv2d(scope.at(name), y, y.channels, { kernel: 3, groups: y.channels });
      const low = depthwise('low', F.slice(x, 0, first));
      const high = depthwise('high', F.slice(x, first));
      return { y: dense(scope.at('c'), F.concat([low, high])) };
    };
    expect(namesOf(planFor(split(2), 6))).to.deep.equal(['conv2d', 'conv2d', 'conv2d']);
    expect(namesOf(planFor(split(3), 6))).to.deep.equal(['conv2d', 'slice', 'conv2d', 'concat', 'conv2d']);
  });

  it('leaves the plan as it is on WebGL 1, whose shaders are another language', () => {
    tf.env().set(flag, 1);
    try {
      expect(namesOf(planFor((scope, x) => ({ y: F.relu(dense(scope.at('c'), x)) })))).to.deep.equal([
        'conv2d',
        'relu',
      ]);
    } finally {
      tf.env().set(flag, 2);
    }
  });

  it('leaves RoIAlign to the host if textures are of half precision: its tables have numbers beyond 2048', () => {
    const precision = 'WEBGL_RENDER_FLOAT32_ENABLED';
    const options = { outputSize: { height: 2, width: 2 }, spatialScale: 1, samplingRatio: 0, aligned: true };
    const graph = recordPart({
      name: 'net',
      inputs: { x: map(4), r: regions },
      forward: (_, { x, r }) => ({ y: F.roiAlign(x, r, options) }),
    });
    const hasProgram = (isExact: boolean): boolean => {
      tf.env().set(precision, isExact);
      const { steps } = onBackend('cpu', () => fused(planOf(programOf('net', graph, new Map()))));
      return steps.some(({ compute }) => compute !== undefined);
    };
    expect([hasProgram(false), hasProgram(true)]).to.deep.equal([false, true]);
  });
});
