import type { Step } from '../replay.ts';

/**
 * What a convolution reads in place of slices and of their concatenation: channels of the maps themselves. MogaNet splits the
 * channels for its three depthwise convolutions and joins them again, which would be four more programs a block.
 */

/** A range of a map's channels. It begins at an even one: a texel holds two. */
export interface Part {
  readonly id: number;
  readonly start: number;
  readonly channels: number;
}

/** The most maps that a convolution reads. */
const mostParts = 4;

/** Returns the parts that together are the first map of a convolution. */
export function partsOf(step: Step, channels: number, makers: ReadonlyMap<number, Step>): readonly Part[] {
  const [id] = step.maps;
  if (id === undefined) return [];
  const whole: Part = { id, start: 0, channels };
  const isDense = step.node.op === 'conv2d' && step.node.attributes.groups === 1;
  const maker = makers.get(id);
  if (!isDense || maker?.node.op !== 'concat' || maker.node.attributes.axis !== 'channels')
    return [sliced(whole, makers)];
  const { maps } = maker;
  const parts = maps.map((map) => sliced({ id: map, start: 0, channels: makers.get(map)?.node.channels ?? 0 }, makers));
  const isWhole = parts.reduce((sum, part) => sum + part.channels, 0) === channels;
  const areEven = parts.slice(0, -1).every((part) => part.channels % 2 === 0);
  return isWhole && areEven && parts.length <= mostParts ? parts : [whole];
}

/** Goes through a slice to the map that it is of. */
function sliced(part: Part, makers: ReadonlyMap<number, Step>): Part {
  const maker = makers.get(part.id);
  if (maker?.node.op !== 'slice') return part;
  const { start } = maker.node.attributes;
  const [id] = maker.maps;
  if (id === undefined || start % 2 !== 0) return part;
  return sliced({ ...part, id, start: part.start + start }, makers);
}
