/**
 * The engine on any onnxruntime, for callers who choose its version, its execution providers or its session options. Names of
 * engines (`loadModel(…, { engine: 'onnxruntime' })`) are for everybody else: in Node those compute in a thread of their own.
 */

export {
  type GraphOptimizationLevel,
  type OnnxEngineOptions,
  type OnnxRuntime,
  type OnnxSession,
  type OnnxTensor,
  onnxEngine,
  type SessionOptions,
} from './engines/onnx/engine.ts';
