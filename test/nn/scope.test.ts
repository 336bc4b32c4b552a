import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { conv2d, F, map, module, parametersOf, recordPart, relu, type Scope, type Value } from '../../src/nn/index.ts';

const record = (forward: (scope: Scope, x: Value) => Value) =>
  recordPart({ name: 'test', inputs: { x: map(8) }, forward: (scope, { x }) => ({ y: forward(scope, x) }) });

describe('a scope', () => {
  it('spells the keys of the state dict', () => {
    const graph = record((scope, x) => conv2d(scope.at('blocks').at(0).at('attn.proj'), x, 4, { kernel: 1 }));
    expect(parametersOf(graph).map(({ key }) => key)).to.deep.equal([
      'blocks.0.attn.proj.weight',
      'blocks.0.attn.proj.bias',
    ]);
  });

  it('gives the same parameter to whoever asks for it again', () => {
    const graph = record((scope, x) => {
      const shared = scope.at('conv');
      return conv2d(shared, conv2d(shared, x, 8, { kernel: 3 }), 8, { kernel: 3 });
    });
    expect(parametersOf(graph)).to.have.length(2);
    const [first, second] = graph.nodes.filter(({ op }) => op === 'conv2d');
    expect(second?.inputs.slice(1)).to.deep.equal(first?.inputs.slice(1));
  });

  it('refuses one parameter in two shapes', () => {
    expect(() =>
      record((scope, x) => conv2d(scope.at('c'), conv2d(scope.at('c'), x, 4, { kernel: 1 }), 4, { kernel: 1 })),
    ).to.throw(ShapeError, 'c.weight: asked for as [4, 8, 1, 1] and as [4, 4, 1, 1].');
  });

  it('refuses values of another recording', () => {
    let stray: Value | undefined;
    record((_, x) => {
      stray = x;
      return x;
    });
    expect(() => record((_, x) => F.add(x, stray!))).to.throw(
      ShapeError,
      ':add: an input of add was recorded in another model.',
    );
  });
});

describe('a module', () => {
  const inner = module((_: Scope, x: Value) => F.mul(F.relu(x), x));

  it('names its steps by its path, and steps of no module by their operation', () => {
    const graph = record((scope, x) => F.sigmoid(inner(scope.at('head.act'), x)));
    expect(graph.nodes.map(({ path }) => path)).to.deep.equal(['x', 'head.act:relu', 'head.act:mul', ':sigmoid']);
  });

  it('is found by its path again after an inner one ends', () => {
    const outer = module((scope: Scope, x: Value) => F.relu(inner(scope.at('inner'), x)));
    const graph = record((scope, x) => outer(scope.at('outer'), x));
    expect(graph.nodes.map(({ path }) => path)).to.deep.equal([
      'x',
      'outer.inner:relu',
      'outer.inner:mul',
      'outer:relu',
    ]);
    expect(graph.taps).to.deep.equal({ 'outer:in': 0, 'outer.inner:in': 0, 'outer.inner': 2, outer: 3 });
  });
});

describe('a mistake in a custom model', () => {
  const refused = (forward: (scope: Scope, x: Value) => unknown, text: string | RegExp) =>
    expect(() => record((scope, x) => forward(scope, x) as Value)).to.throw(ShapeError, text);

  it('is told how a layer is called if it has no scope', () => {
    refused(
      // @ts-expect-error: what JavaScript lets pass
      (_, x) => relu(x),
      /^a layer takes \(scope, x, …\), but the value came first\. .*relu\(scope\.at\('act'\), x\).*F\.relu\(x\)/,
    );
    // @ts-expect-error: as above
    refused(() => relu(), 'but the first argument is undefined.');
    // @ts-expect-error: as above
    refused((scope) => relu(scope.at('act')), 'act: x is undefined, not a value of the model.');
  });

  it('is told if an argument is not a value', () => {
    const beyond = undefined as unknown as Value; // an index past the end of the pyramid
    const text = 'is undefined, not a value of the model. Is an index past the end of the pyramid';
    refused((scope) => conv2d(scope.at('score'), beyond, 1, { kernel: 1 }), `score: x ${text}`);
    refused(() => F.relu(beyond), `relu: an input ${text}`);
    refused((_, x) => F.add(x, beyond), `add: an input ${text}`);
    refused((_, x) => F.concat([x, beyond]), `concat: an input ${text}`);
    refused((_, x) => F.resize(x, { like: beyond }), `resize: input 1 of resize ${text}`);
    refused(() => undefined, `y: the output ${text}`);
    refused((scope) => F.relu(scope as never), 'relu: an input is the scope "", not a value');
  });

  it('records the parameters that a convolution needs', () => {
    const text = 'score: conv2d is called conv2d(scope, x, channels, { kernel: 3 }).';
    // @ts-expect-error: what JavaScript lets pass
    refused((scope, x) => conv2d(scope.at('score'), x, 4), text);
    // @ts-expect-error: as above
    refused((scope, x) => conv2d(scope.at('score'), x, { kernel: 3 }), text);
    // @ts-expect-error: as above
    refused((_, x) => F.maxPool(x, { kernel: '3' }), 'an extent is a number or { height, width }, not "3".');
  });
});
