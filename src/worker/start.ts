import { UnsupportedError } from '../errors.ts';
import type { WorkerLike } from './line.ts';

/** Returns a function that starts a worker where there are any. Node has threads, which are no workers of a page. */
export const inPage = (start: () => WorkerLike) => (): WorkerLike => {
  if ('Worker' in globalThis) return start();
  throw new UnsupportedError(
    'moganet/worker is for pages, and there is no Worker here. In Node import "moganet", whose onnxruntime has a thread of its own ' +
      '(docs/service.md). A component that a server renders loads its model in an effect.',
  );
};
