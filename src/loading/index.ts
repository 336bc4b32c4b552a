/** From a checkpoint's entries to the weights of a model: state dicts, key layouts, filling. */
export { type FillOptions, fillParameters, type ParameterSpec } from './fill.ts';
export { type RenameRule, renamed, renamedKey, type TensorTransform } from './layouts.ts';
export { mergeEntries, type StateDict, type StateDictOptions, stateDictOf, withoutPrefix } from './state_dict.ts';
