/** Loaded first, hides both forms of onnxruntime from a process, as if npm had left them out. */
import { without } from './without_package.mjs';

without('onnxruntime-node');
without('onnxruntime-web');
