import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';

/** A server of one file on this machine, well-behaved or not: each request is answered by the next of the given answers. */

export type Answer = (request: IncomingMessage, response: ServerResponse, file: Uint8Array) => void;

export interface FileServer {
  /** Its address, ending with `/`. */
  readonly address: string;
  /** The headers of the requests that came, in their order. */
  readonly requests: readonly IncomingMessage[];
  /** What is answered from now on; the last one stays. */
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
    first!(request, response, file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
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

/** As servers should: the file, or the asked range of the same version of it. */
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

/** Sends as many bytes of what `whole` would send, then cuts the connection. */
export const cutAfter =
  (bytes: number): Answer =>
  (request, response, file) => {
    begin(request, response, file, bytes);
    setTimeout(() => response.destroy(), 20); // what was sent should arrive first
  };

/** Sends as many bytes, then nothing more, and keeps the connection. */
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

/** The whole file whatever is asked for, as servers without ranges do. */
export const withoutRanges: Answer = (_request, response, file) =>
  void response.writeHead(200, { 'content-length': file.length }).end(file);

/** As `whole`, with the byte at `place` another one. */
export const corruptAt =
  (place: number): Answer =>
  (request, response, file) => {
    const other = file.slice();
    other[place]! ^= 0x55;
    whole(request, response, other);
  };

export const status =
  (code: number, headers: Readonly<Record<string, string>> = {}): Answer =>
  (_request, response) =>
    void response.writeHead(code, headers).end('no');

export const redirect = (location: string): Answer => status(302, { location });

/** Compressed on the way, its length that of the compressed bytes. */
export const gzipped: Answer = (_request, response, file) => {
  const body = gzipSync(file);
  response.writeHead(200, { etag: etagOf(file), 'content-encoding': 'gzip', 'content-length': body.length }).end(body);
};

/** The beginning of the file as if it were all of it. */
export const truncated =
  (length: number): Answer =>
  (_request, response, file) =>
    void response.writeHead(200, { 'content-length': length }).end(file.subarray(0, length));

/** All of the file, under a length that it has not. */
export const claiming =
  (length: number): Answer =>
  (_request, response, file) => {
    response.writeHead(200, { 'content-length': length });
    const { socket } = response;
    response.flushHeaders();
    socket?.end(file);
  };

/** Without a length, in chunks. */
export const chunked: Answer = (_request, response, file) => {
  response.writeHead(200);
  response.write(file.subarray(0, 10));
  response.end(file.subarray(10));
};
