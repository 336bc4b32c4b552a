/** Loaded first, makes a process as it is where npm left the optional onnxruntime-node out. */
import { without } from './without_package.mjs';

without('onnxruntime-node');
