/** The steps from a checkpoint's tensors to the weights of a model: state dict, key layout, filling. */
export { type FillOptions, fillParameters, type ParameterSpec } from './fill.ts';
export { type RenameRule, renamed, renamedKey, type TensorTransform } from './layouts.ts';
export { mergeEntries, type StateDict, type StateDictOptions, stateDictOf, withoutPrefix } from './state_dict.ts';
