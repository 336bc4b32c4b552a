import { EngineError } from '../../errors.ts';
import type { Engine, Program, Runner } from '../../nn/part.ts';
import { emitOnnx } from './emit.ts';
import { taskQueue } from './queue.ts';
import { onnxRunner } from './runner.ts';
import type { GraphOptimizationLevel, OnnxRuntime, OnnxSession, SessionOptions } from './runtime.ts';
import { onnxInParts } from './serialize.ts';

export interface OnnxEngineOptions {
  /** Threads inside an operator; without, onnxruntime takes one per physical core of the machine. */
  readonly threads?: number;
  /**
   * `all` (default) also changes convolutions to onnxruntime's blocked layout: MogaNet takes two thirds of the time that it
   * takes with `extended`, and its weights 2.7 times their size in memory instead of 1.5.
   */
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
    enableMemPattern: false, // a plan per size: no faster, and a folder of mixed sizes took half as much memory again
    logSeverityLevel: 4, // its errors are thrown, and ours then say whose they are
    ...(threads !== undefined && { intraOpNumThreads: threads }),
  };
  const runners = new Set<Runner>();
  const queue = taskQueue();
  let disposed = false;

  async function load(program: Program): Promise<Runner> {
    if (disposed) throw new EngineError('onnxruntime: the engine was disposed; create another one.');
    const emitted = emitOnnx(program);
    const session = await createSession(program.name, emitted);
    const runner = onnxRunner(ort, session, program, emitted, queue);
    const tracked: Runner = {
      run: runner.run,
      dispose: () => {
        runner.dispose();
        runners.delete(tracked);
      },
    };
    runners.add(tracked);
    return tracked;
  }

  /** onnxruntime copies the weights while it loads; they are free to go afterwards. */
  async function createSession(name: string, emitted: ReturnType<typeof emitOnnx>): Promise<OnnxSession> {
    const { model, externalData } = onnxInParts(emitted);
    try {
      return await ort.InferenceSession.create(model, { ...sessionOptions, externalData });
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new EngineError(`${name}: onnxruntime cannot load it: ${reason}`, { cause });
    }
  }

  return {
    name: 'onnxruntime',
    detail: threads === undefined ? 'threads: physical cores' : `${threads} thread${threads === 1 ? '' : 's'}`,
    load: (program) => queue(() => load(program)),
    dispose: async () => {
      disposed = true;
      for (const runner of runners) runner.dispose();
      await queue(async () => {}); // the sessions are released in their turn
    },
  };
}
