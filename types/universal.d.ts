/**
 * The names that Node 20 and browsers share, as far as this package uses them. `tsconfig.universal.json` checks all code that
 * must run in both with these alone: neither `process` nor `document` compiles there.
 */

interface AbortSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  throwIfAborted(): void;
  addEventListener(
    type: 'abort',
    listener: () => void,
    options?: { readonly once?: boolean; readonly signal?: AbortSignal },
  ): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

declare var AbortSignal: { any(signals: readonly AbortSignal[]): AbortSignal };

declare class AbortController {
  readonly signal: AbortSignal;
  abort(reason?: unknown): void;
}

interface SymbolConstructor {
  readonly asyncDispose: unique symbol;
}

declare class Blob {
  constructor(parts?: readonly (Uint8Array | Blob | string)[], options?: { readonly type?: string });
  readonly type: string;
  readonly size: number;
  slice(start?: number, end?: number): Blob;
  stream(): ReadableStream;
  arrayBuffer(): Promise<ArrayBuffer>;
}

declare class File extends Blob {
  constructor(parts: readonly (Uint8Array | Blob | string)[], name: string, options?: { readonly type?: string });
  readonly name: string;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string, base?: string): boolean;
  readonly href: string;
  readonly origin: string;
  readonly pathname: string;
  readonly protocol: string;
}

declare function atob(base64: string): string;

declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
}

declare class TextDecoder {
  constructor(encoding?: string, options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes?: Uint8Array | ArrayBuffer): string;
}

/** Encodes characters up to 255 as base64. */
declare function btoa(bytes: string): string;

interface ReadableStream<R = Uint8Array<ArrayBuffer>> {
  getReader(): {
    read(): Promise<{ readonly done: false; readonly value: R } | { readonly done: true; readonly value?: undefined }>;
    cancel(reason?: unknown): Promise<void>;
  };
  pipeThrough(transform: { readonly readable: ReadableStream; readonly writable: WritableStream }): ReadableStream;
}

interface WritableStream {
  getWriter(): {
    write(chunk: Uint8Array): Promise<void>;
    close(): Promise<void>;
    abort(reason?: unknown): Promise<void>;
  };
}

declare class DecompressionStream {
  constructor(format: 'gzip' | 'deflate' | 'deflate-raw');
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

declare class CompressionStream {
  constructor(format: 'gzip' | 'deflate' | 'deflate-raw');
  readonly readable: ReadableStream;
  readonly writable: WritableStream;
}

interface Response {
  readonly type: string;
  readonly bodyUsed: boolean;
  readonly ok: boolean;
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly headers: { get(name: string): string | null; has(name: string): boolean };
  readonly body: ReadableStream | null;
  arrayBuffer(): Promise<ArrayBuffer>;
  blob(): Promise<Blob>;
}

declare var Response: {
  new (body?: ReadableStream | Blob, options?: { readonly headers?: Readonly<Record<string, string>> }): Response;
};

declare function fetch(
  url: string | URL,
  options?: {
    readonly signal?: AbortSignal;
    readonly method?: 'GET' | 'HEAD';
    readonly mode?: 'cors' | 'no-cors';
    readonly cache?: 'default' | 'no-cache' | 'no-store';
  },
): Promise<Response>;

declare function setTimeout(callback: () => void, milliseconds?: number): unknown;
declare function clearTimeout(timer: unknown): void;

declare function atob(base64: string): string;

interface MessagePort {
  onmessage: (() => void) | null;
  postMessage(message: unknown, transfer?: readonly ArrayBuffer[]): void;
  close(): void;
}

declare class MessageChannel {
  readonly port1: MessagePort;
  readonly port2: MessagePort;
}

declare const performance: { now(): number };

/** `subtle` is absent on pages without https. */
declare var crypto:
  | { readonly subtle?: { digest(algorithm: string, data: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> } }
  | undefined;

interface ImportMeta {
  readonly url: string;
}
