import { createModel, type ModelConfig, type ModelDefinition, modelParameters, type NDArray } from 'moganet';
import { costOf, totalCost } from 'moganet/nn';
import { seededInput, seededWeight } from '../test/harness/seeded.ts';

/** The backbones that are measured, with weights and inputs by a formula, which peers/seeded.py has too. */

export const networks = {
  moganet_xt: { type: 'moganet', arch: 'xt' },
  moganet_t: { type: 'moganet', arch: 't' },
  resnet_50: { type: 'resnet', depth: 50 },
  convnext_t: { type: 'convnext', arch: 't' },
  swin_t: { type: 'swin', arch: 't' },
} as const satisfies Readonly<Record<string, ModelConfig['backbone']>>;

export type Network = keyof typeof networks;

export const isNetwork = (name: string): name is Network => Object.hasOwn(networks, name);

export interface ImageSize {
  readonly height: number;
  readonly width: number;
}

/** Reads `224` or `800x1280` (height × width). */
export function sizeOf(text: string): ImageSize {
  const [, height, width = height] = /^(\d+)(?:x(\d+))?$/.exec(text) ?? [];
  if (height === undefined) throw new RangeError(`"${text}" is no size: write 224, or 800x1280 for height x width`);
  return { height: Number(height), width: Number(width) };
}

export const sizeText = ({ height, width }: ImageSize): string =>
  height === width ? `${height}` : `${height}x${width}`;

export const definitionOf = (network: Network): ModelDefinition => createModel({ backbone: networks[network] });

export const weightsOf = (definition: ModelDefinition): Map<string, NDArray> =>
  new Map(modelParameters(definition).map(({ key, shape }) => [key, seededWeight(key, shape)]));

export const imageOf = ({ height, width }: ImageSize): NDArray => seededInput('image', [1, 3, height, width]);

/** Multiply-adds of one image. */
export const macsOf = (network: Network, { height, width }: ImageSize): number =>
  totalCost(costOf(definitionOf(network).pyramid.graph, { image: { batch: 1, height, width } })).macs;
