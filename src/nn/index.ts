/** The vocabulary of models: scopes, layers and operations (`F`), parts, and the readings of a recorded graph. */
export { type Cost, type CostRow, costOf, parameterCount, totalCost } from './cost.ts';
export * as F from './functional.ts';
export { type Graph, type Node, parametersOf, prune, withTaps } from './graph.ts';
export {
  batchNorm,
  type ConvOptions,
  conv2d,
  convTranspose2d,
  gelu,
  groupNorm,
  layerNorm,
  linear,
  mixPositions,
  pointwise,
  relu,
  silu,
} from './layers.ts';
export type { Parameter, ParameterKind, WindowAttention } from './ops.ts';
export type { Pass } from './optimise/index.ts';
export {
  type DeviceTensor,
  type Engine,
  type InputKind,
  loadPart,
  loadPasses,
  map,
  type Part,
  type Program,
  programOf,
  type Readers,
  type RecordedPart,
  type Runner,
  recorded,
  recordedByReader,
  recordPart,
  regions,
} from './part.ts';
export { module, Scope, type Value } from './scope.ts';
export { type InputExtent, type MapShape, shapesOf } from './shapes.ts';
