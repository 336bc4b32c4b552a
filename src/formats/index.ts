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
export { type CheckpointCode, type CheckpointLimits, CheckpointRefusal, defaultLimits } from './context.ts';
export { readConfigText } from './python.ts';
export {
  openSafetensors,
  type SafetensorsFile,
  type SafetensorsOptions,
  type SafetensorsOutput,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts';
export { blobSource, bytesSource, type Source } from './source.ts';
export type { DType, TensorEntry } from './tensors.ts';
