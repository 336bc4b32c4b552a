/** Hides a package from a process, as if it were not installed. */
import { Module } from 'node:module';

/** @param {string} name of the package, which is loaded by `require` or found by `require.resolve` */
export function without(name) {
  for (const method of ['_load', '_resolveFilename']) {
    const original = Module[method];
    Module[method] = function (request, ...rest) {
      if (request === name) throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
      return original.call(this, request, ...rest);
    };
  }
}
