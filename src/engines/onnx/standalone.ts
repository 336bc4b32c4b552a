import type { Program } from '../../nn/part.ts';
import { emitOnnx } from './emit.ts';
import { largestOnnxFile, onnxBeside, onnxFile } from './serialize.ts';

/** A program as files for any runtime that reads ONNX. */
export interface StandaloneOnnx {
  readonly model: Uint8Array;
  /** The weights, where they are too many for one file; its name is the one that was given. */
  readonly weights?: readonly Uint8Array[];
}

/** What the operators, their names and shapes take beside the weights is less than this. */
const graphBytes = 2 ** 26;

/**
 * One file, or two where the weights come near the 2 GB at which readers stop. Batch, height and width are symbolic, and
 * the program's own inputs are all that it needs.
 *
 * @param weightsFile the name of the second file, which the first refers to
 * @param limit of one file in bytes
 * @throws CheckpointError where the program lacks a weight
 */
export function standaloneOnnx(program: Program, weightsFile: string, limit = largestOnnxFile): StandaloneOnnx {
  const emitted = emitOnnx(program, { standalone: true });
  const bytes = emitted.weights.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (bytes + graphBytes <= limit) return { model: onnxFile(emitted) };
  const { model, data } = onnxBeside(emitted, weightsFile);
  return { model, weights: data };
}
