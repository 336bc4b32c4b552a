/** Loaded first, makes a process as it is where the plotting library is not installed. */
import { without } from './without_package.mjs';

without('@observablehq/plot');
