import type { Neck } from '../../heads/head.ts';
import type { AnchorConfig } from '../../heads/rpn.ts';
import { ConfigError } from '../errors.ts';
import type { Named, NDArray } from '../ndarray.ts';
import type { Resident } from '../nn/index.ts';
import { type AnchorLevel, anchorLevels } from '../postprocess/anchors.ts';

/** @throws ConfigError where the anchors are of another number of levels than the neck gives */
export function anchorsOf(anchors: AnchorConfig, { stages }: Neck): AnchorLevel[] {
  if (anchors.strides.length !== stages.length) {
    throw new ConfigError(
      `anchors.strides has ${anchors.strides.length} levels, the neck gives ${stages.length}: ` +
        `${stages.map(({ stride }) => stride).join(', ')}.`,
    );
  }
  return anchorLevels(anchors);
}

/** The features `name0` … `name{levels - 1}`, read back. */
export function readLevels(features: Named<Resident>, name: string, levels: number): Promise<NDArray[]> {
  return Promise.all(Array.from({ length: levels }, (_, i) => features[`${name}${i}`]!.read()));
}
