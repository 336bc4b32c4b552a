/** The steps from a checkpoint's tensors to the weights of a model: state dict, key layout, filling. */
export { type FillOptions, fillParameters, type ParameterSpec } from './fill.ts';
export { type RenameRule, renamed, renamedKey, type TensorTransform } from './layouts.ts';
export { withoutPrefix } from './prefix.ts';
export { mergeEntries, type StateDict, type StateDictOptions, stateDictOf } from './state_dict.ts';
