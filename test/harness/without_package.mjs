/** For what is loaded first: makes a process as it is where a package is not installed. */
import * as module from 'node:module';

/** @param {string} name of the package */
export function without(name) {
  // Node 20 has only hooks that run beside; those are deprecated since the newer ones are there
  if (module.registerHooks) module.registerHooks({ resolve: refusing(name) });
  else module.register(`data:text/javascript,${encodeURIComponent(`export const resolve = (${refusing})('${name}');`)}`);
}

const refusing = (name) => (specifier, context, next) => {
  if (specifier === name) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
  return next(specifier, context);
};
