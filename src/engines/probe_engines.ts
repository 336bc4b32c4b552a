import { ConfigError, EngineError, unknownName } from '../errors.ts';
import type { Engine } from '../nn/part.ts';
import { foundIn, isObject } from '../validate.ts';
import { probe } from './probe.ts';

/** Which engines start on this device, which compute right, and how fast they are. */

/** What `probeEngines` finds of one engine. */
export interface EngineProbe {
  readonly engine: string;
  /** Whether it starts here and computes a small network right. */
  readonly starts: boolean;
  /** Threads, device. */
  readonly detail?: string | undefined;
  /** Why it does not start, or that it computes wrong numbers. */
  readonly reason?: string | undefined;
  /** Why `auto` prefers another one although it starts: it is computed in software, or in half precision. */
  readonly weakness?: string | undefined;
  /** Whether it computes on the thread that calls it: use a worker. */
  readonly blocking?: boolean | undefined;
  /** Distance of the small network's output to the known one, which is about 2. */
  readonly maxError?: number | undefined;
  /** Time of a block of MogaNet on 128×128 pixels, once its programs are compiled. */
  readonly milliseconds?: number | undefined;
}

/** Options of `probeEngines`. */
export interface ProbeOptions {
  /** Names of the engines to try, one after the other. Default: all that the entry knows, the preferred one first. */
  readonly engines?: readonly string[] | undefined;
  /** Called with what was found of each engine, as soon as it is known. */
  readonly onProbe?: ((found: EngineProbe) => void) | undefined;
  /** Its abort ends the probing before the next engine. */
  readonly signal?: AbortSignal | undefined;
}

/** Starts each engine, runs a small network on it, and frees it. Reports an engine that does not start, and does not throw. */
export type ProbeEngines = (options?: ProbeOptions) => Promise<EngineProbe[]>;

/** Returns the function that probes the engines of an entry. @param free removes what an engine has left behind */
export function engineProber(
  known: readonly string[],
  open: (name: string) => Promise<Engine>,
  free: (name: string) => void = () => {},
): ProbeEngines {
  return async (options = {}) => {
    checkOptions(options, known);
    const { engines = known, onProbe, signal } = options;
    const probes: EngineProbe[] = [];
    for (const name of engines) {
      signal?.throwIfAborted();
      const found = await probed(name, open);
      free(name);
      probes.push(found);
      onProbe?.(found);
    }
    return probes;
  };
}

async function probed(name: string, open: (name: string) => Promise<Engine>): Promise<EngineProbe> {
  let engine: Engine | undefined;
  try {
    engine = await open(name);
    const { detail, blocking } = engine;
    return { engine: name, starts: true, detail, blocking, ...(await probe(engine, true)) };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { engine: name, starts: false, detail: engine?.detail, reason: error.message };
  } finally {
    await engine?.dispose();
  }
}

const optionNames = ['engines', 'onProbe', 'signal'] as const satisfies readonly (keyof ProbeOptions)[];

/** @throws ConfigError for an unknown option or engine */
function checkOptions(options: unknown, known: readonly string[]): void {
  if (!isObject(options)) throw new ConfigError(`options of probeEngines: must be an object, got ${foundIn(options)}`);
  const unknown = Object.keys(options).find((name) => !(optionNames as readonly string[]).includes(name));
  if (unknown !== undefined) {
    throw new ConfigError(`options of probeEngines: ${unknownName('option', unknown, optionNames)}`);
  }
  const { engines, onProbe, signal } = options;
  if (engines !== undefined && !Array.isArray(engines)) {
    throw new ConfigError(
      `options of probeEngines: engines: must be a list of names of engines, got ${foundIn(engines)}`,
    );
  }
  if (onProbe !== undefined && typeof onProbe !== 'function') {
    throw new ConfigError(`options of probeEngines: onProbe: must be a function, got ${foundIn(onProbe)}`);
  }
  if (signal !== undefined && !(isObject(signal) && typeof signal.throwIfAborted === 'function')) {
    throw new ConfigError(`options of probeEngines: signal: must be an AbortSignal, got ${foundIn(signal)}`);
  }
  const strange: unknown = engines?.find((name: unknown) => !known.some((each) => each === name));
  if (strange === undefined) return;
  throw new ConfigError(
    typeof strange === 'string'
      ? unknownName('engine', strange, known)
      : `options of probeEngines: engines: must be names, got ${foundIn(strange)}`,
  );
}
