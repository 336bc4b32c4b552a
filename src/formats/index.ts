/** Files: bytes in, checked data out. Checkpoints (PyTorch, safetensors), their configurations, and images. */

export type { LabelMap } from '../image/raster.ts';
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
export {
  type CheckpointCode,
  type CheckpointLimits,
  CheckpointRefusal,
  defaultLimits,
  type ImageCode,
  type ImageLimits,
  ImageRefusal,
} from './context.ts';
export { type ByteStream, type FramesOptions, framesOf, type PixelFormat } from './frames.ts';
export { type DecodeImage, type DecodeOptions, imageDecoder } from './image.ts';
export { decodeLabelPng } from './label_png.ts';
export { encodeGrey16Png, encodeIndexedPng, encodeMaskPng, encodePng } from './png_write.ts';
export { readConfigText } from './python.ts';
export {
  openSafetensors,
  type SafetensorsFile,
  type SafetensorsOptions,
  type SafetensorsOutput,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts';
export { joinShards, readShardIndex, type ShardIndex, type ShardName, shardNameOf } from './shards.ts';
export { blobSource, bytesSource, type Source } from './source.ts';
export type { DType, TensorEntry } from './tensors.ts';
