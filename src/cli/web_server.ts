import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

/** A server of files for pages on this machine. */

export interface Server {
  /** Ends with `/`. */
  readonly url: string;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** By default a free one. */
  readonly port?: number | undefined;
  /** By default this machine only. */
  readonly host?: string | undefined;
  /** Sent with every file. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
  '.svg': 'image/svg+xml',
  '.jpg': 'image/jpeg',
  '.png': 'image/png',
};

/**
 * Serves folders by the first part of the URL's path; `''` has all other paths. Answers 304 to a page that has the file already.
 *
 * @throws NodeJS.ErrnoException if the port is taken or not allowed
 */
export async function serve(
  folders: Readonly<Record<string, string>>,
  { port = 0, host = '127.0.0.1', headers = {} }: ServerOptions = {},
): Promise<Server> {
  const server = createServer(async ({ url = '/', method, headers: asked }, response) => {
    const file = fileOf(url, folders);
    const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
    if (!file || !found?.isFile()) return refuse(response, 404, 'There is no such file.');
    if (method !== 'GET' && method !== 'HEAD') return refuse(response, 405, 'Files can only be read.');
    const etag = `"${found.size}-${found.mtimeMs}"`;
    const usual = { ...headers, etag, 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' };
    if (asked['if-none-match'] === etag) {
      response.writeHead(304, usual).end();
      return;
    }
    const type = types[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { ...usual, 'content-type': type, 'content-length': found.size });
    if (method === 'HEAD') response.end();
    // the reader may leave
    else await pipeline(createReadStream(file), response).catch(() => response.destroy());
  });
  await new Promise<void>((listening, failed) => {
    server.once('error', failed);
    server.listen(port, host, listening);
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
}

/** Returns the file that a URL means; undefined for one outside the folders. */
function fileOf(url: string, folders: Readonly<Record<string, string>>): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
  const [, first = '', ...others] = path.split('/');
  const isMounted = first !== '' && Object.hasOwn(folders, first) && others.length > 0;
  const folder = isMounted ? folders[first] : folders[''];
  if (folder === undefined || path.includes('\0')) return undefined;
  const inner = isMounted ? others.join('/') : path;
  const file = normalize(join(folder, inner === '' || inner.endsWith('/') ? `${inner}index.html` : inner));
  return file.startsWith(normalize(folder + sep)) ? file : undefined;
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}
