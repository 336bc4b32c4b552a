/** The library in a browser, or any other runtime without Node. */

import './no_eval.ts';

export * from './library/index.ts';
export * from './page.ts';
