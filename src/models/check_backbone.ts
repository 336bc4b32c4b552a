import { itemAt } from '../arrays.ts';
import type { Backbone } from '../backbones/index.ts';
import { ConfigError, ShapeError } from '../errors.ts';
import { type Graph, type MapShape, map, recordPart, shapesOf } from '../nn/index.ts';
import { foundIn, isObject } from '../validate.ts';
import { byName } from './task.ts';

/**
 * Checks that a custom backbone's `forward` returns the levels that its `stages` announce, since necks, heads and anchors are built on
 * `stages`. Records the backbone once more, before anything else is built on it.
 *
 * @throws ConfigError naming the stage whose channels or stride differ, or the two numbers of levels
 */
export function checkBackbone(type: string, backbone: Backbone): void {
  const says = `the backbone "${type}"`;
  if (!isObject(backbone) || typeof backbone.forward !== 'function') {
    throw new ConfigError(`${says}: its factory returns { stages, forward }, got ${foundIn(backbone)}.`);
  }
  const { stages, imageChannels = 3, forward } = backbone;
  if (!Array.isArray(stages) || stages.length === 0) {
    throw new ConfigError(`${says} has no stages. Give a list of { channels, stride }, finest first.`);
  }
  const graph = recordPart({
    name: type,
    inputs: { image: map(imageChannels) },
    forward: (scope, inputs) => {
      const pyramid: unknown = forward(scope, byName(inputs, 'image'));
      if (!Array.isArray(pyramid) || pyramid.length !== stages.length) {
        const found = Array.isArray(pyramid) ? `${pyramid.length} levels` : 'no list of levels';
        throw new ConfigError(`${says}: \`stages\` has ${stages.length} levels, and forward gives ${found}.`);
      }
      return Object.fromEntries(pyramid.map((level, i) => [`stage ${i}`, level]));
    },
  });
  const side = 8 * Math.max(32, ...stages.map(({ stride }) => stride));
  const shapes = shapesAt(side, graph);
  for (const [i, id] of Object.values(graph.outputs).entries()) {
    const level = itemAt(graph.nodes, id);
    const { channels, stride } = itemAt(stages, i);
    if (level.channels !== channels) {
      throw new ConfigError(
        `${says}: stage ${i} of \`stages\` has ${channels} channels, and forward gives ${level.channels}.`,
      );
    }
    if (!(Number.isFinite(stride) && stride > 0)) {
      throw new ConfigError(`${says}: stage ${i} of \`stages\` needs a stride above 0, got ${stride}.`);
    }
    const { height, width } = shapes?.[id] ?? {};
    const expected = Math.ceil(side / stride);
    if (shapes && (height !== expected || width !== expected)) {
      throw new ConfigError(
        `${says}: stage ${i} of \`stages\` has the stride ${stride}, which makes ${expected}×${expected} of an image of ` +
          `${side}×${side}, and forward gives ${height}×${width}.`,
      );
    }
  }
}

/** Returns undefined if the backbone takes images of one size only. */
function shapesAt(side: number, graph: Graph): readonly (MapShape | undefined)[] | undefined {
  try {
    return shapesOf(graph, { image: { batch: 1, height: side, width: side } });
  } catch (error) {
    if (error instanceof ShapeError) return undefined;
    throw error;
  }
}
