import { EngineError } from '../../errors.ts';
import { isTrap, type Life, newLife } from '../life.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './engine.ts';

/** Calls of onnxruntime-web that end when what they compute on does: a device of WebGPU, or its WebAssembly. */

const lives = new WeakMap<object, Life>();

/** Returns the life of the WebAssembly of a module, which starts once in a page: after a trap none of its engines works. */
export function lifeOf(module: object): Life {
  const life = lives.get(module) ?? newLife();
  lives.set(module, life);
  return life;
}

/** @throws EngineError if its WebAssembly has trapped in this page */
export function expectAlive(module: object): void {
  const loss = lifeOf(module).loss();
  if (loss) throw loss;
}

/** Calls into a module that nobody waits for any more: their device is gone. */
const abandoned = new WeakMap<object, Set<Promise<unknown>>>();

function abandon(module: object, work: Promise<unknown>): void {
  const calls = abandoned.get(module) ?? new Set();
  abandoned.set(module, calls);
  const ended = work.catch(() => {}).finally(() => calls.delete(ended));
  calls.add(ended);
}

/** Time in which a call whose device is gone comes back, usually at once, in milliseconds. */
const patience = 500;

/**
 * Waits for the calls into a module that were left when their device was lost: it cannot suspend two. One that does not come
 * back ends its life.
 */
export async function withoutAbandoned(module: object): Promise<void> {
  const calls = abandoned.get(module);
  if (!calls?.size) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), patience);
  });
  const first = await Promise.race([Promise.all(calls), late]);
  clearTimeout(timer);
  if (first === 'late') {
    lifeOf(module).end(
      new EngineError(
        'a call of onnxruntime-web does not come back from a graphics device that was lost. Load the page or worker again, ' +
          'or use another engine.',
      ),
    );
  }
}

/** What a runtime computes on. */
export interface Guarded {
  /** The engine, for errors. */
  readonly name: string;
  /** The module of onnxruntime-web, whose WebAssembly a trap ends. */
  readonly module: object;
  /** The device on which outputs stay, if there is one. */
  readonly device?: Life | undefined;
}

/** Returns a runtime whose calls fail as soon as their device is lost, and for good after a trap. */
export function guarded(ort: OnnxRuntime, { name, module, device }: Guarded): OnnxRuntime {
  const life = device ?? lifeOf(module);
  const orEnd = <T>(work: () => Promise<T>): Promise<T> => {
    const loss = life.loss() ?? lifeOf(module).loss();
    if (loss) return Promise.reject(loss);
    const running = work();
    const heard = running.catch((cause: unknown) => {
      if (!isTrap(cause)) throw cause;
      const error = trapped(name, cause);
      lifeOf(module).end(error);
      life.end(error);
      throw error;
    });
    return life.wait(heard).catch((cause: unknown) => {
      if (cause === life.loss()) abandon(module, running);
      throw cause;
    });
  };
  /** The tensor itself, since runs take no other. */
  const guardTensor = (tensor: OnnxTensor): void => {
    const getData = tensor.getData.bind(tensor);
    const dispose = tensor.dispose.bind(tensor);
    let reading: Promise<unknown> = Promise.resolve();
    let isReading = false;
    const guards: Pick<OnnxTensor, 'getData' | 'dispose'> = {
      getData: () =>
        orEnd(() => {
          isReading = true;
          const read = getData();
          reading = read.then(
            () => {},
            () => {},
          );
          void reading.then(() => {
            isReading = false;
          });
          return read;
        }),
      dispose: () => {
        // onnxruntime refuses to dispose a tensor that is being read
        const free = (): void => {
          if (!life.loss()) dispose(); // its memory goes with the device
        };
        if (isReading) void reading.then(free);
        else free();
      },
    };
    Object.assign(tensor, guards);
  };
  const guardedSession = (session: OnnxSession): OnnxSession => ({
    run: async (...given) => {
      const outputs = await orEnd(() => session.run(...given));
      if (device) for (const output of Object.values(outputs)) guardTensor(output);
      return outputs;
    },
    release: async () => {
      if (!life.loss()) await orEnd(() => session.release()).catch(() => {}); // its memory goes with the device
    },
  });
  return {
    Tensor: ort.Tensor,
    InferenceSession: {
      create: async (model, options) => guardedSession(await orEnd(() => ort.InferenceSession.create(model, options))),
    },
  };
}

const trapped = (name: string, cause: Error): EngineError =>
  new EngineError(
    `${name}: the WebAssembly of onnxruntime-web failed: ${cause.message}. Its memory cannot be trusted any more, and it ` +
      'starts once in a page or worker: dispose the model and use another engine, or load the page or worker again.',
    { cause },
  );
