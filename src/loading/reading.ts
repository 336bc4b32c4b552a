/** Reads weights into a model. One module, which a page loads while it fetches the first file. */
export { fillModules } from './by_module.ts';
export { openWeights } from './weights.ts';
