import { ConfigError } from '../errors.ts';
import type { ModelDefinition } from '../models/create.ts';

/** Of a model with several heads, the part of the results that a caller is after. */
export type Only = 'instances' | 'regions';

type Heads = Pick<ModelDefinition, 'detector' | 'segmentor' | 'classifier' | 'head'>;

/**
 * The heads whose results are wanted. They share one run of the part `features`; what comes after it, regions through the
 * box and mask parts or logits to labels, is done for these alone.
 *
 * @throws ConfigError where the model has not the head that is asked for
 */
export function wantedHeads({ config, detector, segmentor, classifier, head }: ModelDefinition, only?: Only): Heads {
  if (only === undefined) {
    return {
      ...(detector && { detector }),
      ...(segmentor && { segmentor }),
      ...(classifier && { classifier }),
      ...(head && { head }),
    };
  }
  const name = config.name ?? 'model';
  if (only === 'instances') {
    if (!detector) throw new ConfigError(`the model "${name}" finds no instances. Leave \`only\` out.`);
    return { detector };
  }
  if (only !== 'regions') {
    throw new ConfigError(`\`only\` is "instances" or "regions", not "${only}".`);
  }
  if (!segmentor) throw new ConfigError(`the model "${name}" does not segment. Leave \`only\` out.`);
  return { segmentor };
}
