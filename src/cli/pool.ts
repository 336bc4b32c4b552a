import { Worker } from 'node:worker_threads';
import { EngineError } from '../errors.ts';
import { usefulThreads } from '../platform/node/cores.ts';
import { errorOf } from './failure.ts';
import type { ImagesJob } from './plan.ts';
import type { FromWorker, ToWorker, WorkerData } from './worker.ts';

/**
 * Images on several threads. The first worker is the model of this thread; each other one is a thread with a model and an
 * engine of its own. All load at the same time. All files are written by this thread. `Input` and `Outcome` are plain
 * data: what `WorkerData` says the threads do.
 */

/** Images from which on a second worker pays: it costs the loading of a second model. */
const imagesForSecond = 12;

/** How the cores of this machine are used. */
export interface Shares {
  readonly workers: number;
  /** Threads of each engine; undefined leaves them to the engine. */
  readonly threads: number | undefined;
  /** Sentences about what was asked for and is not so. */
  readonly notices: readonly string[];
}

/**
 * Shares the cores among workers, so that their threads are no more than the cores. Two workers of half the threads do
 * more images per second than one; below a dozen images the second model does not pay.
 *
 * @param cores threads that this machine runs at a time
 */
export function sharesOf(
  { workers: asked, threads: each, engine }: Pick<ImagesJob, 'workers' | 'threads' | 'engine'>,
  images: number,
  cores = usefulThreads(),
): Shares {
  const oneThread = engine === 'wasm' || engine === 'cpu' || engine === 'webgpu';
  const usual = images >= imagesForSecond && cores >= 2 && (each ?? 1) * 2 <= cores ? 2 : 1;
  const most = Math.max(1, Math.floor(cores / (oneThread ? 1 : (each ?? 1))));
  const workers = Math.max(1, Math.min(asked ?? usual, most, images));
  const notices =
    asked !== undefined && asked > most
      ? [
          `--workers ${asked}: ${each === undefined ? '' : `with --threads ${each} `}this process may use ${cores} cores, so at most ${most} run at a time.`,
        ]
      : [];
  // an engine of one thread says itself that it does not have the ones that were asked for
  if (oneThread) return { workers, threads: undefined, notices };
  return { workers, threads: workers === 1 ? each : (each ?? Math.floor(cores / workers)), notices };
}

export interface PoolOptions {
  /** All workers, with that of this thread. */
  readonly workers: number;
  /** The model and the task of the threads, asked for when they start. */
  readonly data: () => WorkerData;
  readonly onNotice: (text: string) => void;
  /** The module of the threads, another one in tests. */
  readonly script?: URL;
  /** Milliseconds in which threads end by themselves before they are ended. By default 10,000. */
  readonly patience?: number;
}

/** Makes the outcome of an image. */
type Cook<Input, Outcome> = (input: Input) => Promise<Outcome>;

export interface Pool<Input, Outcome> {
  /** Starts the threads, which begin to load. The second call does nothing. */
  start(): void;
  /**
   * Starts the threads, unless they are, and adds the worker of this thread, once it has loaded. What the others have to say is said then: if
   * this one cannot load, its reason is enough.
   *
   * @param room images that it may have at a time
   */
  join(cook: Cook<Input, Outcome>, room: number): void;
  /** Images that are begun before the outcome of the first is taken. */
  readonly most: number;
  /** Gives an image to the worker with the fewest. */
  readonly run: Cook<Input, Outcome>;
  /**
   * Ends the threads. One that is in an operation of onnxruntime ends after it: to end it at once would abort the process (SIGABRT). One that
   * does not hear of it in time is ended whatever it does.
   */
  close(): Promise<void>;
}

/** Images of a thread: one that its network runs, and one before or after it. */
const roomOfThread = 2;

/** A thread has ended; the image may be given to another worker. */
class Returned extends Error {}

interface Member<Input, Outcome> {
  readonly cook: Cook<Input, Outcome>;
  readonly room: number;
  load: number;
}

interface Pending<Outcome> {
  resolve(outcome: Outcome): void;
  reject(error: unknown): void;
}

interface Task<Input, Outcome> extends Pending<Outcome> {
  readonly input: Input;
}

export function openPool<Input, Outcome>({
  workers,
  data,
  onNotice,
  script,
  patience = 10_000,
}: PoolOptions): Pool<Input, Outcome> {
  const members: Member<Input, Outcome>[] = [];
  const early: string[] = [];
  let say = (text: string): void => void early.push(text);
  let most = (workers - 1) * (roomOfThread + 1);
  const waiting: Task<Input, Outcome>[] = [];
  const give = (): void => {
    for (;;) {
      const [free] = members.filter((one) => one.load < one.room).sort((a, b) => a.load - b.load);
      const task = free && waiting.shift();
      if (!task) return;
      free.load++;
      void cooked(free, task);
    }
  };
  const cooked = async (member: Member<Input, Outcome>, task: Task<Input, Outcome>): Promise<void> => {
    try {
      task.resolve(await member.cook(task.input));
    } catch (error) {
      if (error instanceof Returned) waiting.unshift(task);
      else task.reject(error);
    }
    member.load--;
    give();
  };
  let threads: readonly EndThread[] | undefined;
  const start = (): void => {
    threads ??= Array.from({ length: workers - 1 }, (_, i) =>
      startThread<Input, Outcome>(`worker ${i + 2}`, data(), script, {
        onReady: (cook) => {
          members.push({ cook, room: roomOfThread, load: 0 });
          give();
        },
        onEnd: (cook, text) => {
          const at = members.findIndex((one) => one.cook === cook);
          if (at >= 0) members.splice(at, 1);
          say(text);
        },
      }),
    );
  };
  return {
    start,
    join: (cook, room) => {
      start();
      members.push({ cook, room, load: 0 });
      most += room;
      say = onNotice;
      for (const text of early) say(text);
      give();
    },
    get most() {
      return most;
    },
    run: (input) =>
      new Promise((resolve, reject) => {
        waiting.push({ input, resolve, reject });
        give();
      }),
    close: async () => {
      await Promise.all((threads ?? []).map((end) => end(patience)));
    },
  };
}

interface Events<Input, Outcome> {
  onReady(cook: Cook<Input, Outcome>): void;
  /** The thread takes no more images. */
  onEnd(cook: Cook<Input, Outcome>, text: string): void;
}

/** Returns the module of the threads. In a checkout a thread has to be told how to read TypeScript: it does not inherit that. */
function workerModule(): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL('./worker.js', import.meta.url);
  const loader = 'tsx/esm/api'; // of the checkout alone: the package does not have it
  const load = (url: string): string => `(await import(${JSON.stringify(url)}))`;
  const text = `${load(import.meta.resolve(loader))}.register(); ${load(new URL('./worker.ts', import.meta.url).href)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

/** Ends a thread, if need be after so many milliseconds. */
type EndThread = (patience: number) => Promise<void>;

function startThread<Input, Outcome>(
  name: string,
  data: WorkerData,
  script = workerModule(),
  { onReady, onEnd }: Events<Input, Outcome>,
): EndThread {
  const worker = new Worker(script, { name, workerData: data });
  const pending = new Map<number, Pending<Outcome>>();
  let next = 0;
  let closing = false;
  let failure: unknown;
  const send = (message: ToWorker) => worker.postMessage(message);
  const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
  const cook: Cook<Input, Outcome> = (input) =>
    new Promise((resolve, reject) => {
      pending.set(next, { resolve, reject });
      send({ kind: 'input', id: next++, input });
    });
  worker.on('message', (message: FromWorker<Outcome>) => {
    if (message.kind === 'ready') return onReady(cook);
    if (message.kind === 'unable') {
      failure = message.error.message;
      return;
    }
    const one = pending.get(message.id);
    pending.delete(message.id);
    if (message.kind === 'outcome') one?.resolve(message.outcome);
    else one?.reject(errorOf(message.error));
  });
  worker.on('error', (error) => {
    failure = error instanceof Error ? error.message : error;
  });
  worker.on('exit', (code) => {
    if (closing) return;
    const why = failure ?? `it ended with code ${code}`;
    const [first, ...others] = pending.values();
    onEnd(
      cook,
      first ? `${name} has ended: ${why}. The others go on.` : `${name} cannot start: ${why}. The others go on.`,
    );
    first?.reject(new EngineError(`${name} ended while it ran this image: ${why}. Run it again, or use --workers 1.`));
    for (const one of others) one.reject(new Returned(name));
  });
  return async (patience) => {
    closing = true;
    send({ kind: 'end' });
    const timer = setTimeout(() => void worker.terminate(), patience);
    await ended;
    clearTimeout(timer);
  };
}
