import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import { readOptions } from '../loading/resolve.ts';
import { checkConfig, type Tables } from '../models/create.ts';
import { isFile } from '../platform/refs.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';

/** Checks the arguments of `createBackbone`. Those of `loadModel` are checked where references are resolved. */

const fileSchema = z.custom((value) => isFile(value) && value !== '', { error: 'must be a file, a URL or bytes' });
const backboneOptions = z.extend(
  z.omit(readOptions, { pull: true, configure: true, heads: true, detectors: true, segmentationHeads: true }),
  { weights: fileSchema },
);

type Backbones = Tables['backbones'];

/** Checks the arguments of `createBackbone`. @throws ConfigError */
export function checkBackboneCall(config: unknown, options: unknown): void {
  const type = isObject(config) ? config.type : undefined;
  if (typeof config !== 'string' && typeof type !== 'string') {
    throw new ConfigError(
      `createBackbone takes the name of a model, or a configuration with its \`type\`, got ${foundIn(config)}.`,
    );
  }
  const tables = isObject(options) && isObject(options.backbones) ? { backbones: options.backbones as Backbones } : {};
  if (isObject(config)) checkConfig({ backbone: config }, 'createBackbone', tables);
  if (!isObject(options) || options.weights === undefined) {
    throw new ConfigError('createBackbone needs weights: createBackbone(config, { weights: file, URL or bytes }).');
  }
  validateOptions(backboneOptions, options, 'createBackbone');
}
