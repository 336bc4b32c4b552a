import { EngineError } from '../../errors.ts';
import type { Engine, Runner } from '../../nn/part.ts';
import { emitOnnx } from './emit.ts';
import { onnxRunner, type Queue } from './runner.ts';
import type { GraphOptimizationLevel, OnnxRuntime, SessionOptions } from './runtime.ts';

export interface OnnxEngineOptions {
  /** Threads inside an operator; without, onnxruntime takes one per physical core. */
  readonly threads?: number;
  readonly graphOptimizationLevel?: GraphOptimizationLevel;
}

/**
 * Runs programs on onnxruntime: one session per program, which serves every size and any number of regions.
 *
 * @param ort the module `onnxruntime-node` or `onnxruntime-web`
 */
export function onnxEngine(ort: OnnxRuntime, options: OnnxEngineOptions = {}): Engine {
  const { threads, graphOptimizationLevel = 'all' } = options;
  const sessionOptions: SessionOptions = {
    graphOptimizationLevel,
    interOpNumThreads: 1,
    logSeverityLevel: 3, // errors; warnings are about its own optimiser
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
  };
  const runners = new Set<Runner>();
  const queue = taskQueue();
  let disposed = false;

  return {
    name: 'onnxruntime',
    detail: threads === undefined ? 'threads: physical cores' : `${threads} thread${threads === 1 ? '' : 's'}`,
    load: (program) =>
      queue(async () => {
        if (disposed) throw new EngineError('onnxruntime: the engine was disposed; create another one.');
        const { bytes, ...model } = emitOnnx(program);
        const session = await ort.InferenceSession.create(bytes, sessionOptions).catch((cause: unknown) => {
          throw new EngineError(`onnxruntime cannot load ${program.name}: ${messageOf(cause)}`, { cause });
        });
        const runner = onnxRunner(ort, session, program, model, queue);
        runners.add(runner);
        return runner;
      }),
    dispose: async () => {
      disposed = true;
      for (const runner of runners) runner.dispose();
      runners.clear();
      await queue(async () => {}); // the sessions are released in their turn
    },
  };
}

function taskQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => {}); // whoever asked gets the error; the next task runs all the same
    return result;
  };
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));
