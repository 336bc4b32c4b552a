import type { Assets } from '../browser_library.ts';
import { ConfigError } from '../errors.ts';
import type { BackboneOptions, CreateBackbone, LoadOptions } from '../library/load.ts';
import type { ModelRef } from '../loading/resolve.ts';
import type { ModelConfig } from '../models/config.ts';
import { countOf } from '../platform/contract.ts';
import { isFile, nameOf } from '../platform/refs.ts';
import { isObject } from '../validate.ts';
import { Line, type WorkerLike } from './line.ts';
import type { Plain } from './messages.ts';
import { absolute, sentWeights } from './page_images.ts';
import { remoteBackbone } from './remote_backbone.ts';
import { RemoteModel, type Share } from './remote_model.ts';

/** Options of `loadModel` that can go to a worker: the name of an engine, and no tables of custom parts. */
export interface RemoteLoadOptions
  extends Omit<LoadOptions, 'engine' | 'configure' | 'backbones' | 'heads' | 'detectors' | 'segmentationHeads'> {
  readonly engine?: string | undefined;
}

/** The functions of `moganet/worker`. The models of one library share a worker, which ends with the last of them. */
export interface RemoteLibrary {
  /** Loads a model in the worker. `Custom` is what its custom head decodes. */
  readonly loadModel: <Custom = unknown>(ref: ModelRef, options?: RemoteLoadOptions) => Promise<RemoteModel<Custom>>;
  /** Loads a backbone in the worker. */
  readonly createBackbone: CreateBackbone;
}

/** Returns a library whose models are in a worker. @param start starts the worker */
export function remoteLibrary(start: () => WorkerLike, assets: Assets): RemoteLibrary {
  let current: { readonly line: Line; shares: number } | undefined;

  const share = (): Share => {
    if (!current || current.line.hasFailed) current = { line: new Line(start, absoluteAssets(assets)), shares: 0 };
    const mine = current;
    mine.shares++;
    let isReleased = false;
    return {
      line: mine.line,
      release: () => {
        if (!isReleased) mine.shares--;
        isReleased = true;
        if (mine.shares > 0) return false;
        mine.line.close();
        if (current === mine) current = undefined;
        return true;
      },
    };
  };
  /** Gives the share back if that fails. */
  const sharing = async <T>(work: (one: Share) => Promise<T>): Promise<T> => {
    const one = share();
    try {
      return await work(one);
    } catch (error) {
      one.release();
      throw error;
    }
  };

  return {
    loadModel: async <Custom>(ref: ModelRef, options: RemoteLoadOptions = {}) => {
      const { signal, onProgress, ...plain } = sendable(options, 'loadModel');
      return sharing(async (one) => {
        const prepare = async () => ({ request: { ref: await sentRef(ref, options), options: plain } });
        const parcel = await one.line.call('load', prepare, {
          signal,
          onProgress,
          onLate: ({ model }) => void one.line.call('dispose', () => ({ request: { owner: model } })).catch(() => {}),
        });
        return new RemoteModel<Custom>(parcel, one);
      });
    },
    createBackbone: async <Options extends BackboneOptions>(
      config: ModelConfig<Options>['backbone'] | string,
      options: Options,
    ) => {
      const { signal, onProgress, ...plain } = sendable<BackboneOptions>(options, 'createBackbone');
      return sharing(async (one) => {
        const prepare = async () => {
          const sent =
            isObject(plain) && 'weights' in plain
              ? { ...plain, weights: await sentFile(plain.weights, options) }
              : plain;
          return {
            request: { config: config as ModelConfig['backbone'] | string, options: sent as Plain<BackboneOptions> },
          };
        };
        const reply = await one.line.call('createBackbone', prepare, {
          signal,
          onProgress,
          onLate: ({ backbone }) =>
            void one.line.call('dispose', () => ({ request: { owner: backbone } })).catch(() => {}),
        });
        return remoteBackbone(reply, one);
      });
    },
  };
}

/** @throws ConfigError for an option that holds functions: a message cannot */
function sendable<T extends LoadOptions>(options: T, call: string): T {
  if (!isObject(options)) throw new ConfigError(`the options of ${call} are an object, such as { engine: 'wasm' }.`);
  const { signal: _, onProgress: __, ...others } = options as LoadOptions;
  for (const [name, value] of Object.entries(others)) {
    const holdsFunction = typeof value === 'function' || (isObject(value) && Object.values(value).some(isFunction));
    const isEngine = name === 'engine' && isObject(value);
    if (!holdsFunction && !isEngine) continue;
    throw new ConfigError(
      `${call}: \`${name}\` holds functions, which cannot go to a worker. Give it in a thread of your own: serve() of ` +
        'moganet/worker/serve, see docs/worker.md.',
    );
  }
  const { from } = options as LoadOptions;
  return typeof from === 'string' ? { ...options, from: absolute(from) } : options;
}

const isFunction = (value: unknown): boolean =>
  typeof value === 'function' || (isObject(value) && typeof value.make === 'function');

/** What is told while weights are read on the page. */
type Reading = Pick<LoadOptions, 'signal' | 'onProgress'>;

/** Returns a model's reference whose weights mean the same in the worker. */
async function sentRef(ref: ModelRef, options: Reading): Promise<ModelRef> {
  if (!isObject(ref) || ref.weights === undefined) return ref; // the thread says what is wrong with it
  const { weights } = ref;
  if (!isObject(weights) || isFile(weights)) return { ...ref, weights: await sentFile(weights, options) } as ModelRef;
  const sent = Object.entries(weights).map(async ([module, file]) => [module, await sentFile(file, options)] as const);
  return { ...ref, weights: Object.fromEntries(await Promise.all(sent)) } as ModelRef;
}

const sentFile = (file: unknown, { signal, onProgress }: Reading): Promise<unknown> =>
  sentWeights(file, signal, countOf(onProgress, 'download', nameOf(file)));

/** Returns the URLs of WebAssembly files in a form that means the same in the worker. */
function absoluteAssets(assets: Assets): Assets {
  const absoluteIn = (value: unknown): unknown => {
    if (typeof value === 'string' || value instanceof URL) return absolute(value);
    return isObject(value)
      ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, absoluteIn(one)]))
      : value;
  };
  return absoluteIn(assets) as Assets;
}
