/** The script of a worker with the engines of `moganet/ort`. It needs onnxruntime-web. */

import { withAssets } from '../ort.ts';
import { serve } from './serve.ts';

serve(withAssets);
