import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** A server of one file on this machine, well-behaved or not. Each request gets the next of the given answers. */

export type Answer = (request: IncomingMessage, response: ServerResponse, file: Uint8Array) => void;

export interface FileServer {
  /** Ends with `/`. */
  readonly url: string;
  /** The headers of the requests that came, in their order. */
  readonly requests: readonly IncomingMessage[];
  /** Sets the answers from now on. The last one stays. */
  answer(...answers: readonly Answer[]): void;
  close(): Promise<void>;
}

export async function serveFile(file: Uint8Array): Promise<FileServer> {
  let queue: readonly Answer[] = [whole];
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const [first, ...rest] = queue;
    if (rest.length > 0) queue = rest;
    requests.push(request);
    first?.(request, response, file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    answer: (...answers) => {
      queue = answers;
      requests.length = 0;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export const etagOf = (file: Uint8Array): string => `"${createHash('md5').update(file).digest('hex')}"`;

/** Answers as servers should: the file, or the requested range if the version is the same. */
export const whole: Answer = (request, response, file) => {
  const etag = etagOf(file);
  const from = rangeOf(request);
  if (from === undefined || request.headers['if-range'] !== etag) {
    response.writeHead(200, { etag, 'content-length': file.length }).end(file);
  } else if (from >= file.length) {
    response.writeHead(416, { etag, 'content-range': `bytes */${file.length}` }).end();
  } else {
    const range = `bytes ${from}-${file.length - 1}/${file.length}`;
    response.writeHead(206, { etag, 'content-range': range, 'content-length': file.length - from });
    response.end(file.subarray(from));
  }
};

function rangeOf({ headers: { range } }: IncomingMessage): number | undefined {
  const from = /^bytes=(\d+)-$/.exec(range ?? '')?.[1];
  return from === undefined ? undefined : Number(from);
}

/** Sends some bytes of the answer of `whole`, then cuts the connection. */
export const cutAfter =
  (bytes: number): Answer =>
  (request, response, file) => {
    begin(request, response, file, bytes);
    setTimeout(() => response.destroy(), 100); // the bytes should arrive first, also on a busy machine
  };

/** Sends some bytes of the answer of `whole`, then nothing more, and keeps the connection. */
export const stallAfter =
  (bytes: number): Answer =>
  (request, response, file) =>
    begin(request, response, file, bytes);

function begin(request: IncomingMessage, response: ServerResponse, file: Uint8Array, bytes: number): void {
  const etag = etagOf(file);
  const from = request.headers['if-range'] === etag ? (rangeOf(request) ?? 0) : 0;
  const headers = { etag, 'content-length': file.length - from };
  if (from > 0)
    response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${file.length - 1}/${file.length}` });
  else response.writeHead(200, headers);
  response.write(file.subarray(from, from + bytes));
}

/** Sends the whole file whatever the request, as servers without ranges do. */
export const withoutRanges: Answer = (_request, response, file) =>
  void response.writeHead(200, { 'content-length': file.length }).end(file);

/** Answers like `whole`, with the byte at `offset` changed. */
export const corruptAt =
  (offset: number): Answer =>
  (request, response, file) => {
    const other = file.slice();
    other[offset]! ^= 0x55;
    whole(request, response, other);
  };

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(code, headers).end('no');

export const redirect = (location: string): Answer => status(302, { location });

/** Sends the file compressed, with the length of the compressed bytes. */
export const gzipped: Answer = (_request, response, file) => {
  const body = gzipSync(file);
  response.writeHead(200, { etag: etagOf(file), 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
};

/** Sends the beginning of the file as if it were the whole. */
export const truncated =
  (length: number): Answer =>
  (_request, response, file) =>
    void response.writeHead(200, { 'content-length': length }).end(file.subarray(0, length));

/** Sends the whole file with a wrong length. */
export const claiming =
  (length: number): Answer =>
  (_request, response, file) => {
    response.writeHead(200, { 'content-length': length });
    const { socket } = response;
    response.flushHeaders();
    socket?.end(file);
  };

/** Sends the file in chunks, without a length. */
export const chunked: Answer = (_request, response, file) => {
  response.writeHead(200);
  response.write(file.subarray(0, 10));
  response.end(file.subarray(10));
};
