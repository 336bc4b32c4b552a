import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { moganet } from '../../src/backbones/moganet.ts';
import {
  batchNorm,
  conv2d,
  F,
  map,
  parametersOf,
  programOf,
  prune,
  recordPart,
  relu,
  withTaps,
} from '../../src/nn/index.ts';

const xt = moganet({ type: 'moganet', arch: 'xt' });
const graph = recordPart({
  name: 'xt',
  inputs: { image: map(3) },
  forward: (scope, { image }) => ({ logits: xt.classify(scope, image, 1000).logits }),
});

describe('a graph', () => {
  it('is plain data: JSON and back gives the same', () => {
    expect(JSON.parse(JSON.stringify(graph))).to.deep.equal(graph);
  });

  it('is the same for every recording', () => {
    const again = recordPart({
      name: 'xt',
      inputs: { image: map(3) },
      forward: (scope, { image }) => ({ logits: xt.classify(scope, image, 1000).logits }),
    });
    expect(again).to.deep.equal(graph);
  });

  it('is in topological order, and the position of a node is its id', () => {
    graph.nodes.forEach((node, position) => {
      expect(node.id).to.equal(position);
      for (const input of node.inputs) expect(input).to.be.below(position);
    });
  });

  it('lists its parameters with their kinds', () => {
    const kinds = new Map(parametersOf(graph).map(({ key, kind }) => [key, kind]));
    expect(kinds.get('blocks1.0.norm1.weight')).to.equal('parameter');
    expect(kinds.get('blocks1.0.norm1.running_var')).to.equal('buffer');
    expect(kinds.get('blocks1.0.norm1.num_batches_tracked')).to.equal('ignored');
  });
});

describe('prune', () => {
  const wide = recordPart({
    name: 'wide',
    inputs: { a: map(1), b: map(1) },
    forward: (scope, { a }) => {
      const used = relu(scope.at('used'), a);
      relu(scope.at('unused'), conv2d(scope.at('conv'), a, 4, { kernel: 3 }));
      return { y: used };
    },
  });
  const pruned = prune(wide);

  it('drops nodes that no output needs, and their taps', () => {
    expect(pruned.nodes.map(({ op }) => op)).to.deep.equal(['input', 'input', 'relu']);
    expect(Object.keys(pruned.taps)).to.include('used').and.not.include('unused');
  });

  it('keeps unused inputs, since callers pass them in', () => {
    expect(pruned.inputs).to.deep.equal({ a: 0, b: 1 });
  });

  it('renumbers', () => {
    expect(pruned.outputs).to.deep.equal({ y: 2 });
    expect(pruned.nodes[2]?.inputs).to.deep.equal([0]);
  });

  it('leaves the graph alone', () => {
    expect(wide.nodes).to.have.length(7);
  });
});

describe('withTaps', () => {
  const tapped = recordPart({
    name: 'tapped',
    inputs: { x: map(2) },
    forward: (scope, { x }) => {
      const act = scope.at('act');
      return { y: F.add(relu(act, batchNorm(scope.at('norm'), x)), relu(act, x)) };
    },
  });

  it('adds outputs by module path: a second call is #2, an input :in', () => {
    const { outputs, nodes } = withTaps(tapped, ['norm', 'act', 'act:in', 'act#2', 'act#2:in']);
    expect(Object.keys(outputs)).to.deep.equal(['y', 'norm', 'act', 'act:in', 'act#2', 'act#2:in']);
    expect(nodes[outputs.norm ?? -1]?.op).to.equal('batchNorm');
    expect(outputs['act:in']).to.equal(outputs.norm);
    expect(nodes[outputs['act#2'] ?? -1]?.op).to.equal('relu');
    expect(outputs['act#2:in']).to.equal(tapped.inputs.x);
    expect(outputs['act#2']).to.not.equal(outputs.act);
  });

  it('names a module that is not there', () => {
    expect(() => withTaps(tapped, ['nrom'])).to.throw(RangeError, 'the graph has no module "nrom"');
  });
});

describe('programOf', () => {
  it('prunes, then runs the passes in order', () => {
    const seen: string[] = [];
    const pass = (name: string) => (g: typeof graph, weights: ReadonlyMap<string, NDArray>) => {
      seen.push(`${name} of ${g.nodes.length}`);
      return { graph: { ...g, nodes: g.nodes.slice(0, -1) }, weights };
    };
    const pruned = prune(graph).nodes.length;
    const program = programOf('xt', graph, new Map(), [pass('first'), pass('second')]);
    expect(seen).to.deep.equal([`first of ${pruned}`, `second of ${pruned - 1}`]);
    expect(program.graph.nodes).to.have.length(pruned - 2);
    expect(program.name).to.equal('xt');
  });
});
