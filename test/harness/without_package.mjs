/** Hides a package from a process, as if it were not installed. */
import { Module } from 'node:module';

/** @param {string} name of the package, which is loaded by `require` */
export function without(name) {
  const { _load: load } = Module;
  Module._load = function (request, ...rest) {
    if (request === name) throw Object.assign(new Error(`Cannot find module '${name}'`), { code: 'MODULE_NOT_FOUND' });
    return load.call(this, request, ...rest);
  };
}
