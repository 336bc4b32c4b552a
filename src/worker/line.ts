import type { Assets } from '../browser_library.ts';
import { EngineError, MoganetError } from '../errors.ts';
import type { Progress } from '../platform/contract.ts';
import { version } from '../results/json.ts';
import { unpackError } from './errors.ts';
import type { Call, Calls, Port, ToPage, ToThread } from './messages.ts';
import { freeAll } from './page_images.ts';

/** A worker, as far as this package uses it: `Worker` is one. */
export interface WorkerLike {
  /** Sends a message. What `transfer` lists moves to the thread. */
  postMessage(message: unknown, transfer: never[]): void;
  /** Hears messages and failures. */
  addEventListener(type: 'message' | 'messageerror' | 'error', listener: (event: object) => void): void;
  /** Ends the thread at once. */
  terminate(): void;
}

/** What a call has beside its request. */
export interface CallOptions<K extends Call> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Called if the call fails since the device of the engine is gone. */
  readonly onLost?: (() => void) | undefined;
  /** Frees what an answer holds that comes after the call was given up. */
  readonly onLate?: ((reply: Calls[K]['reply']) => void) | undefined;
}

/** A request that is ready to be sent, and what of its memory moves. */
export interface Parcel<K extends Call> {
  readonly request: Calls[K]['request'];
  readonly moved?: readonly unknown[] | undefined;
}

/** A call that has no answer yet. One that was aborted stays until the thread has answered. */
interface Pending {
  readonly onProgress: ((progress: Progress) => void) | undefined;
  readonly onLost: (() => void) | undefined;
  answer(value: unknown): void;
  fail(error: unknown): void;
}

/** Time after which a worker that says nothing counts as not started. A script that is missing or wrong is heard of at once. */
const startMs = 30_000;

const remedy =
  'Check that the server has its script, that worker-src of Content-Security-Policy allows it, and that it comes from the origin of the ' +
  "page. Or start it yourself: withAssets({ worker: () => new Worker(url, { type: 'module' }) }). docs/worker.md has the way of each bundler.";

/**
 * The page's end of a worker. Requests leave in the order of the calls, except those that load weights: nothing waits while an answer of
 * `fetch` is read.
 */
export class Line {
  private readonly pending = new Map<number, Pending>();
  private last = 0;
  private failure: EngineError | undefined;
  /** Settled when the thread has started, or has not. */
  private readonly greeted: Promise<unknown>;
  private sending: Promise<unknown>;
  /** Ends the wait for the thread's first word. */
  private stopWaiting: (failure: EngineError) => void = () => {};
  private readonly worker: WorkerLike;

  /** @throws EngineError if the browser refuses the worker at once */
  constructor(start: () => WorkerLike, assets: Assets) {
    this.worker = started(start);
    this.greeted = this.greeting(assets);
    this.greeted.catch(() => {}); // every call hears of it
    this.sending = this.greeted;
  }

  /** Whether there will be no more answers. */
  get hasFailed(): boolean {
    return this.failure !== undefined;
  }

  /**
   * Sends a request and waits for its answer.
   *
   * @param prepare makes the request; called at once, its result is awaited when the earlier requests have left
   * @throws the thread's error in its class, the signal's reason at once when it is aborted, EngineError if the thread ends
   */
  call<K extends Call>(
    call: K,
    prepare: () => Parcel<K> | Promise<Parcel<K>>,
    { signal, onProgress, onLost, onLate }: CallOptions<K> = {},
  ): Promise<Calls[K]['reply']> {
    const prepared = Promise.resolve(prepare());
    prepared.catch(() => {}); // heard when it is sent
    return new Promise((resolve, reject) => {
      const id = ++this.last;
      let isGivenUp = false;
      let isSent = false;
      const giveUp = (): void => {
        isGivenUp = true;
        if (isSent) this.post({ call: 'abort', id });
        else this.pending.delete(id);
        reject(signal?.reason);
      };
      const settle = () => {
        this.pending.delete(id);
        signal?.removeEventListener('abort', giveUp);
      };
      const fail = (error: unknown) => {
        settle();
        reject(error);
      };
      this.pending.set(id, {
        onProgress: (progress) => {
          if (!isGivenUp) onProgress?.(progress);
        },
        onLost,
        answer: (value) => {
          settle();
          const reply = value as Calls[K]['reply']; // the thread answers each call with its reply
          if (isGivenUp) onLate?.(reply);
          else resolve(reply);
        },
        fail,
      });
      signal?.addEventListener('abort', giveUp, { once: true });
      if (this.failure) fail(this.failure);
      else if (signal?.aborted) giveUp();
      const send = async (): Promise<void> => {
        let moved: readonly unknown[] = [];
        try {
          const parcel = await prepared;
          moved = parcel.moved ?? [];
          if (isGivenUp || this.failure) return freeAll(moved);
          this.post({ ...parcel.request, id, call } as unknown as ToThread, moved); // a call with its own request
          isSent = true;
        } catch (error) {
          freeAll(moved);
          fail(error);
        }
      };
      // also if the thread did not start: images are to be freed
      if (call === 'load' || call === 'createBackbone') void this.greeted.then(send, send);
      else this.sending = this.sending.then(send, send);
    });
  }

  /** Frees a tensor of the thread, after the calls so far: they may take it. */
  free(tensor: number): void {
    const send = (): void => {
      if (!this.failure) this.post({ call: 'free', tensor });
    };
    this.sending = this.sending.then(send, send);
  }

  /** Ends the thread. Calls without an answer are refused. */
  close(): void {
    this.end(new EngineError('the worker was ended: the model was disposed. Load it again.'));
  }

  private post(message: ToThread, moved: readonly unknown[] = []): void {
    this.worker.postMessage(message, [...moved] as never[]);
  }

  private end(failure: EngineError): void {
    if (this.failure) return;
    this.failure = failure;
    this.stopWaiting(failure);
    this.worker.terminate();
    for (const { fail } of [...this.pending.values()]) fail(failure);
  }

  /** Waits for the thread's first word, and hears everything that it says. @throws EngineError if it does not start */
  private greeting(assets: Assets): Promise<void> {
    return new Promise((resolve, reject) => {
      let isReady = false;
      const violations = policyViolations();
      const fail = (text: string, cause?: unknown): void => this.end(new EngineError(text, { cause }));
      this.stopWaiting = (failure) => {
        clearTimeout(timer);
        violations.stop();
        reject(failure); // calls that wait to be sent free their images
      };
      const timer = setTimeout(() => fail(`the worker did not start within ${startMs / 1000} s. ${remedy}`), startMs);
      const port = this.worker as unknown as Port<ToThread, ToPage> & {
        addEventListener(type: 'error' | 'messageerror', listener: (event: WorkerFailure) => void): void;
      };
      port.addEventListener('message', ({ data }) => {
        if (data.kind !== 'ready') return this.hear(data);
        clearTimeout(timer);
        violations.stop();
        if (data.version !== version) {
          fail(
            `the worker has version ${data.version} of moganet, the page ${version}. Build or deploy both together.`,
          );
          return;
        }
        isReady = true;
        this.post({ call: 'start', assets });
        resolve();
      });
      port.addEventListener('error', (event) => {
        const what = reasonIn(event);
        if (isReady) {
          const said = what === undefined ? '' : ` (${what})`;
          fail(`the worker failed${said} and was ended. Load the model again.`, event.error);
          return;
        }
        // the event of a policy may come after that of the worker
        setTimeout(() => {
          const reason = violations.stop() ?? what;
          fail(`the worker did not start${reason === undefined ? '' : ` (${reason})`}. ${remedy}`, event.error);
        }, 50);
      });
      port.addEventListener('messageerror', () => fail('the worker sent what cannot be read. Load the model again.'));
    });
  }

  private hear(message: Exclude<ToPage, { readonly kind: 'ready' }>): void {
    const pending = this.pending.get(message.id);
    if (message.kind === 'progress') pending?.onProgress?.(message.progress);
    else if (message.kind === 'answer') pending?.answer(message.value);
    else {
      if (message.isLost) pending?.onLost?.();
      pending?.fail(unpackError(message.error));
    }
  }
}

interface WorkerFailure {
  readonly message?: string;
  readonly filename?: string;
  readonly lineno?: number;
  readonly error?: unknown;
}

/** Says what an event of a worker tells, which is nothing if its script is missing. */
function reasonIn({ message, filename, lineno }: WorkerFailure): string | undefined {
  if (!message) return undefined;
  return filename ? `${message}, ${filename}:${lineno}` : message;
}

function started(start: () => WorkerLike): WorkerLike {
  try {
    return start();
  } catch (cause) {
    if (cause instanceof MoganetError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError(`the worker cannot be started (${reason}). ${remedy}`, { cause });
  }
}

/** A page's event of its Content-Security-Policy. */
interface Violation {
  readonly effectiveDirective: string;
  readonly blockedURI: string;
}

/** Listens to what the policy of the page forbids. `stop` says what a worker met. */
function policyViolations(): { stop(): string | undefined } {
  const { document } = globalThis as {
    readonly document?: Record<
      'addEventListener' | 'removeEventListener',
      (type: 'securitypolicyviolation', listener: (event: Violation) => void) => void
    >;
  };
  let found: string | undefined;
  const hear = ({ effectiveDirective, blockedURI }: Violation) => {
    if (/^(worker|script|child)-src/.test(effectiveDirective))
      found ??= `${effectiveDirective} of the Content-Security-Policy forbids ${blockedURI}`;
  };
  document?.addEventListener('securitypolicyviolation', hear);
  return {
    stop: () => {
      document?.removeEventListener('securitypolicyviolation', hear);
      return found;
    },
  };
}
