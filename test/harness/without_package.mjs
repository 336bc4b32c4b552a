/** Hides a package from a process, as if it were not installed. */
import * as module from 'node:module';

/** @param {string} name of the package */
export function without(name) {
  // Node 20 has only asynchronous hooks, which are deprecated in later versions
  if (module.registerHooks) module.registerHooks({ resolve: refusing(name) });
  else module.register(`data:text/javascript,${encodeURIComponent(`export const resolve = (${refusing})('${name}');`)}`);
}

const refusing = (name) => (specifier, context, next) => {
  if (specifier === name) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(specifier, context);
};
