/** The script of a worker with the engines of `moganet`. */

import { withAssets } from '../index.ts';
import { serve } from './serve.ts';

serve(withAssets);
