import type { ModelConfig } from '../models/config.ts';
import type { Platform, WeightsRef } from './platform.ts';
import { openWeights } from './weights.ts';

export type ReadConfig = (weights: WeightsRef) => Promise<ModelConfig>;

/** The configuration that weights belong to: their own, or the zoo's entry that they fit. No tensor is read. */
export function configReader(platform: Platform): ReadConfig {
  return async (weights) => {
    const source = await platform.openWeights(weights);
    try {
      return (await openWeights(source)).config;
    } finally {
      await source.close?.();
    }
  };
}
