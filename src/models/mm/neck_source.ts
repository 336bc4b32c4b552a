import { type FpnConfig, fpn } from '../../../heads/fpn.ts';
import type { Stage } from '../../backbones/index.ts';
import { ConfigError } from '../../errors.ts';
import { checkLevels, type Source } from './parts.ts';

/** What backbones and necks give to the parts that they feed, with which these must agree. */

/** A backbone, whose `levels` are those that the model's neck or heads read. */
export interface BackboneSource extends Source {
  /** All stages of the backbone: a model may begin with a later one. */
  readonly stages: readonly Stage[];
}

/**
 * Returns the levels of a neck.
 *
 * @param dict the neck in mm's configuration, for messages
 * @param model the owner of the neck, for messages
 * @throws ConfigError if the neck does not fit the backbone
 */
export function neckSource(dict: unknown, neck: FpnConfig, backbone: BackboneSource, model: string): Source {
  const { outs, startLevel = 0 } = neck;
  checkLevels(dict, `${model}: neck`, 'in_channels', 'channels', backbone);
  const used = backbone.stages.length - startLevel;
  if (used < 1) throw new ConfigError(`${model}: neck: start_level: there are ${backbone.levels.length} levels.`);
  if (outs < used) {
    throw new ConfigError(
      `${model}: neck: num_outs: must be at least ${used}, or end_level leaves levels out, got ${outs}.`,
    );
  }
  return { name: 'neck', dict, levels: fpn(neck, backbone.stages).stages };
}
