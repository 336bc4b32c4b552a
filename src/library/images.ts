import type { NDArray, Size } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { imageContext } from '../formats/context.ts';
import type { Geometry } from '../image/geometry.ts';
import {
  batchInputs,
  type Prepared,
  prepareClassification,
  prepareDetection,
  prepareSegmentation,
} from '../image/preprocess.ts';
import type { Raster } from '../image/raster.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import { checkImage, isRaster, longestEdge } from './options.ts';

/** Pixels of whatever the caller has. @throws ImageError saying what was found */
export async function decodeRef(image: ImageRef, platform: Platform, signal?: AbortSignal): Promise<Raster> {
  checkImage(image);
  if (isRaster(image)) return { width: image.width, height: image.height, data: image.data };
  const bytes = isDataAddress(image) ? await bytesIn(`${image}`) : await platform.readImage(image, signal);
  return platform.decodeImage(bytes, nameOf(image));
}

/** What messages call it. */
export const nameOf = (ref: unknown): string => fileOf(ref) ?? 'bytes';

/** Path, address or file name; nothing for bytes and pixels, and for an address that is itself the bytes. */
export function fileOf(ref: unknown): string | undefined {
  if (isDataAddress(ref)) return undefined;
  if (typeof ref === 'string' || ref instanceof URL) return `${ref}`;
  if (typeof Blob !== 'undefined' && ref instanceof Blob && 'name' in ref) return `${ref.name}`;
  return undefined;
}

const isDataAddress = (ref: unknown): boolean =>
  (typeof ref === 'string' || ref instanceof URL) && /^data:[^,]*,/i.test(`${ref}`.slice(0, 200));

/** The bytes of a `data:` address, on every platform. @throws ImageRefusal */
async function bytesIn(address: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await (await fetch(address)).arrayBuffer());
  } catch (cause) {
    throw imageContext('data: address').refuse('malformed', '', 'it is no base64', 'Encode the file again.', cause);
  }
}

/** What a network is given of images, and how to come back from there. */
interface Inputs {
  readonly input: NDArray;
  /** One per image; none of a classifier's, from which nothing is brought back. */
  readonly geometries: readonly Geometry[];
}

/**
 * A model with a detector has the detector's preprocessing, whatever else it carries.
 *
 * @throws ConfigError where the edges are longer than a network can be given, or a classifier's are not equal
 */
export function prepareInputs(config: ResolvedConfig, images: readonly Raster[], size?: Size): Inputs {
  if (config.classification) {
    const pipeline = { ...config.image, ...cropOf(config.classification, size) };
    const crops = images.map((image) => prepareClassification(image, pipeline));
    return { input: batchInputs(crops).input, geometries: [] };
  }
  const segmentation = !config.detection && config.segmentation;
  const { scale, divisor } = (config.detection ?? config.segmentation)?.input ?? config.input ?? ownInput;
  const edges = size ? ([size.width, size.height] as const) : scale;
  if (Math.max(...edges) > longestEdge) {
    throw new ConfigError(
      `an image is fitted between edges of ${longestEdge} pixels at most, not ${edges.join('×')}. Give smaller ones as input.scale of the configuration.`,
    );
  }
  const pipeline = { ...config.image, scale: edges, divisor };
  const prepare = segmentation ? prepareSegmentation : prepareDetection;
  const prepared: Prepared[] = images.map((image) => prepare(image, pipeline));
  if (prepared.length === 1) return { input: prepared[0]!.input, geometries: [prepared[0]!.geometry] };
  const { input, padded } = batchInputs(prepared.map((one) => one.input));
  return { input, geometries: prepared.map(({ geometry }) => ({ ...geometry, padded })) };
}

/** @throws ConfigError where another size than a square is asked for */
function cropOf({ input }: NonNullable<ResolvedConfig['classification']>, size: Size | undefined) {
  if (!size) return input;
  const { height, width } = size;
  if (height !== width) {
    throw new ConfigError(`a classifier sees a square, not ${height}×${width}. Give \`size\` equal edges.`);
  }
  return { ...input, size: height };
}

/** What an own head's image is fitted into where the configuration says nothing. */
const ownInput = { scale: [1333, 800] as [number, number], divisor: 32 };
