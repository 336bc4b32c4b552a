import { libraryWith } from '../../src/browser_library.ts';
import { openBrowserEngine } from '../../src/engines/browser.ts';
import { browserEngines } from '../../src/engines/names.ts';
import { remoteLibrary } from '../../src/worker/library.ts';
import type { WorkerLike } from '../../src/worker/line.ts';
import type { Port, ToPage, ToThread } from '../../src/worker/messages.ts';
import { type ServedLibrary, serve } from '../../src/worker/serve.ts';

/** Workers for tests in Node: the thread's side runs on this thread, behind a port that clones and transfers as a worker does. */

/** A worker, and what a test does to it. */
export interface TestWorker extends WorkerLike {
  readonly isTerminated: boolean;
  /** Everything that was sent to the thread. */
  readonly sent: readonly ToThread[];
  /** Tells the page of an uncaught error. */
  crash(message: string): void;
  /** Sends the page a message. */
  say(message: ToPage): void;
}

/** The library of a page in Node: `cpu` is the engine that starts everywhere. */
export const pageLibrary = (): ServedLibrary => libraryWith({}, browserEngines, openBrowserEngine);

/** Starts a worker. Without a library its script says nothing. */
export function testWorker(library?: ServedLibrary): TestWorker {
  const { port1, port2 } = new MessageChannel();
  if (library) serve(() => library, port2 as unknown as Port<ToPage, ToThread>);
  port2.start();
  const onError: ((event: { readonly message: string }) => void)[] = [];
  const sent: ToThread[] = [];
  let isTerminated = false;
  return {
    get isTerminated() {
      return isTerminated;
    },
    sent,
    crash: (message) => {
      for (const hear of onError) hear({ message });
    },
    say: (message) => port2.postMessage(message),
    postMessage: (message, transfer) => {
      sent.push(message as ToThread);
      port1.postMessage(message, transfer);
    },
    addEventListener: (type, listener) => {
      if (type === 'error') onError.push(listener as (event: object) => void);
      else port1.addEventListener(type, listener as (event: Event) => void);
      port1.start();
    },
    terminate: () => {
      isTerminated = true;
      port1.close();
      port2.close();
    },
  };
}

/** A library whose workers are kept for the test. */
export function testLibrary(served: ServedLibrary = pageLibrary()) {
  const workers: TestWorker[] = [];
  const start = () => {
    const worker = testWorker(served);
    workers.push(worker);
    return worker;
  };
  return { ...remoteLibrary(start, {}), workers };
}
