import { conv2d, F, map, parametersOf, programOf, recordPart } from '../../src/nn/index.ts';
import { seededInput, seededWeight } from './seeded.ts';

/** Two convolutions, for tests of what runs a network. */

const graph = recordPart({
  name: 'net',
  inputs: { x: map(8) },
  forward: (scope, { x }) => ({
    y: F.relu(conv2d(scope.at('b'), F.relu(conv2d(scope.at('a'), x, 8, { kernel: 3 })), 8, { kernel: 3 })),
  }),
});
export const net = programOf(
  'net',
  graph,
  new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)])),
);
export const inputOf = (edge: number) => ({ x: seededInput('x', [1, 8, edge, edge]) });
