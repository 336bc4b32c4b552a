import { ConfigError, UnsupportedError } from '../errors.ts';
import { findEntry, type ZooEntry } from '../zoo/index.ts';
import type { Platform, Progress } from './platform.ts';

/** Where weights are pulled from, and what is heard of it. */
export interface PullOptions {
  /** A mirror: the address of the file, or of the folder that has it under its name. `MOGANET_MIRROR` where it is not given. */
  readonly from?: string;
  /** Bytes as they come, the size first; and a `notice` for everything that is waited for. */
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

/** Published weights in the cache. */
export interface PulledModel {
  readonly entry: ZooEntry;
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** It was there already: nothing was fetched. */
  readonly cached: boolean;
}

/** Brings the published weights of a model, by its name, into the cache. */
export type PullModel = (name: string, options?: PullOptions) => Promise<PulledModel>;

/** Brings the published weights of a model into the cache; those that are there are checked and kept. */
export function modelPuller(platform: Platform): PullModel {
  /** @throws ConfigError where there is nothing to pull, DownloadError saying what the server or the disk answered */
  return async (name, options = {}) => {
    const entry = findEntry(name);
    if (entry.weights?.shipped) {
      throw new ConfigError(`the weights of ${entry.name} are part of the package: there is nothing to pull.`);
    }
    return { entry, ...(await pullEntry(entry, platform, options)) };
  };
}

/** The file of an entry, from the cache or through it. */
export async function pullEntry(
  { name, weights }: ZooEntry,
  { cache }: Platform,
  { onProgress, ...options }: PullOptions,
): Promise<Omit<PulledModel, 'entry'>> {
  if (!weights?.url) throw new ConfigError(`there are no published weights of ${name}. Give your own as weights.`);
  if (!cache) throw new UnsupportedError(`a page keeps no files. Fetch ${weights.url} and give the bytes as weights.`);
  const text = decodeURIComponent(weights.url.slice(weights.url.lastIndexOf('/') + 1));
  let [done, total] = [0, weights.size ?? 0];
  const show = (notice?: string) =>
    onProgress?.({ stage: 'download', done, total, text, ...(notice !== undefined && { notice }) });
  return cache.pull(
    { ...weights, url: weights.url },
    {
      ...options,
      onBytes: (bytes, whole) => {
        [done, total] = [bytes, whole];
        show();
      },
      onNotice: show,
    },
  );
}
