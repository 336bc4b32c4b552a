import type { Stage } from '../backbones/index.ts';
import { EngineError } from '../errors.ts';
import type { ModelConfig } from '../models/config.ts';
import { createModel, modelParameters } from '../models/create.ts';
import type { NDArray } from '../ndarray.ts';
import { passes, programOf, type Resident, recordPart } from '../nn/index.ts';
import { findEntry } from '../zoo/index.ts';
import { checkBackbone, checkMap } from './checks.ts';
import { type LoadOptions, startEngine } from './load_model.ts';
import type { Platform, WeightsRef } from './platform.ts';
import { openWeights } from './weights.ts';

export interface BackboneOptions extends LoadOptions {
  /** The backbone's own checkpoint, or that of any model that carries it. */
  readonly weights: WeightsRef;
}

/** A backbone with its weights on an engine. */
export interface LoadedBackbone {
  readonly stages: readonly Stage[];
  /** N×C×H×W, normalised, to the pyramid: one N×C×H×W array per stage, finest first. */
  forward(image: NDArray): Promise<NDArray[]>;
  /** The same with results left on the device, for those who compute on there; the caller disposes them. */
  run(image: NDArray | Resident): Promise<Resident[]>;
  /** Frees the weights on the engine; a second call does nothing. */
  dispose(): Promise<void>;
}

/** Makes a backbone with its weights, from a configuration or from the name of a model that has it. */
export type CreateBackbone = (
  config: ModelConfig['backbone'] | string,
  options: BackboneOptions,
) => Promise<LoadedBackbone>;

/** The library's entry to bare backbones on a platform. */
export function backboneLoader(platform: Platform): CreateBackbone {
  return async (config, options) => {
    checkBackbone(config, options);
    const backbone = typeof config === 'string' ? findEntry(config).config.backbone : config;
    const definition = createModel({ backbone }, options);
    const source = await platform.openWeights(options.weights, options.signal);
    try {
      const file = await openWeights(source, { config: { backbone }, ema: options.ema, tables: options });
      const weights = await file.fill(modelParameters(definition));
      const part = definition.parts.features!;
      const engine = await startEngine(options, platform);
      const runner = await engine.load(programOf(part.name, recordPart(part), weights, passes));
      let disposed = false;
      const run = async (image: NDArray | Resident): Promise<Resident[]> => {
        if (disposed) throw new EngineError('the backbone was disposed. Create it again.');
        return Object.values(await runner.run({ image }));
      };
      return {
        stages: definition.stages,
        run,
        async forward(image) {
          checkMap(image);
          const outputs = await run(image);
          try {
            return await Promise.all(outputs.map((output) => output.read()));
          } finally {
            for (const output of outputs) output.dispose();
          }
        },
        async dispose() {
          if (disposed) return;
          disposed = true;
          runner.dispose();
          await engine.dispose();
        },
      };
    } finally {
      await source.close?.();
    }
  };
}
