/** What Node 20 has and `@types/node` does not declare. */
declare module 'worker_threads' {
  interface MessagePort {
    onmessage: (() => void) | null;
  }
}
