/** Checkpoints: bytes in, tensors out. PyTorch zip and legacy files, safetensors; nothing in a file is ever run. */
export {
  type Checkpoint,
  type CheckpointOptions,
  type LocatedTensor,
  metaOf,
  openCheckpoint,
  plainValue,
  tensorsOf,
  type ValuePath,
  valueAt,
} from './checkpoint.ts';
export type { DType } from './dtypes.ts';
export { type CheckpointLimits, defaultLimits } from './limits.ts';
export { type FillOptions, fillParameters, type ParameterSpec } from './load.ts';
export { mergeEntries } from './merge.ts';
export { readConfigText } from './python_config.ts';
export { type CheckpointCode, CheckpointRefusal } from './refusal.ts';
export { type RenameRule, renamed, renamedKey, type TensorTransform } from './rename.ts';
export { openSafetensors, type SafetensorsFile } from './safetensors.ts';
export {
  type SafetensorsOptions,
  type SafetensorsOutput,
  type WritableTensor,
  writeSafetensors,
} from './safetensors_writer.ts';
export { blobSource, bytesSource, type Source } from './source.ts';
export { type StateDict, type StateDictOptions, stateDictOf, withoutPrefix } from './state_dict.ts';
export type { TensorEntry } from './tensor_entry.ts';
