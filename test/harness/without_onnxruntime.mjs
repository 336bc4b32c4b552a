/** Loaded first, hides the optional onnxruntime-node from a process, as if npm had left it out. */
import { without } from './without_package.mjs';

without('onnxruntime-node');
