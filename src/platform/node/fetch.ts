import { ConfigError } from '../../errors.ts';

/**
 * Requests in Node: through the proxy that the environment names, and with a look at every step of a redirect. undici's
 * own fetch and agent are loaded only if there is a proxy, since the fetch of Node takes no agent of another version.
 */

type Env = Readonly<Record<string, string | undefined>>;

interface Proxy {
  /** The environment variable that names it. */
  readonly variable: string;
  readonly url: URL;
}

interface Proxies {
  readonly http: Proxy | undefined;
  readonly https: Proxy | undefined;
  readonly exempt: string;
}

/**
 * Reads `http_proxy`, `https_proxy` and `no_proxy`, in small or capital letters. Without `https_proxy` the other serves
 * both.
 *
 * @throws ConfigError for a proxy that is not reached by HTTP
 */
export function proxiesOf(env: Env): Proxies | undefined {
  const first = (name: string): Proxy | undefined => {
    const variable = [name, name.toUpperCase()].find((known) => env[known]);
    if (!variable) return undefined;
    const text = env[variable]!;
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
    if (URL.canParse(url) && ['http:', 'https:'].includes(new URL(url).protocol))
      return { variable, url: new URL(url) };
    const found = URL.canParse(url) ? shown(new URL(url)) : 'no URL';
    throw new ConfigError(
      `${variable}: a proxy is reached by http:// or https://, got ${found}. ` +
        'Set it to such a proxy, or set NO_PROXY=* to use none.',
    );
  };
  const exempt = env.no_proxy ?? env.NO_PROXY ?? '';
  if (exempt.trim() === '*') return undefined;
  const http = first('http_proxy');
  const https = first('https_proxy') ?? http;
  return http || https ? { http, https, exempt } : undefined;
}

/** Returns the proxy of a URL, for messages. Undefined if it is reached directly. */
export function proxyFor(url: URL, env: Env = process.env): Proxy | undefined {
  const proxies = proxiesOf(env);
  if (!proxies) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const host = url.hostname.toLowerCase();
  const isExempt = proxies.exempt.split(/[,\s]+/).some((entry) => {
    const [, name = '', only] = /^(?:\*?\.)?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    return name !== '' && (!only || only === port) && (host === name || host.endsWith(`.${name}`) || name === '*');
  });
  if (isExempt) return undefined;
  return url.protocol === 'https:' ? proxies.https : proxies.http;
}

/** A URL in messages: without user, password and query, which may be secrets. */
export function shown(url: URL): string {
  const { protocol, host, pathname } = url;
  return `${protocol}//${host}${pathname === '/' ? '' : pathname}`;
}

type Fetch = (url: URL, init: RequestInit) => Promise<Response>;

const agents = new Map<string, Promise<Fetch>>();

/** Returns the fetch of Node, or undici's with an agent for the proxies. One agent keeps the connections of a process. */
function fetchThrough(proxies: Proxies | undefined): Promise<Fetch> {
  if (!proxies) return Promise.resolve(fetch);
  const { http, https, exempt } = proxies;
  const options = { httpProxy: http?.url.href ?? '', httpsProxy: https?.url.href ?? '', noProxy: exempt };
  const key = JSON.stringify(options);
  const known = agents.get(key);
  if (known) return known;
  const made = import('undici').then(({ EnvHttpProxyAgent, fetch: send }): Fetch => {
    // like curl: requests by http: are sent to the proxy itself, and only https: by a tunnel
    const dispatcher = new EnvHttpProxyAgent({ ...options, proxyTunnel: false });
    // a cast at the border: the types of undici's Response and of Node's differ, their parts that are used do not
    return (url, init) => send(url, { ...init, dispatcher } as never) as unknown as Promise<Response>;
  });
  agents.set(key, made);
  return made;
}

/** A redirect that is not followed. The message is a sentence without its full stop. */
export class RedirectFault extends Error {}

const mostRedirects = 20;

/**
 * Fetches a URL as `fetch` does, and looks at every step of a redirect: one that leaves https: or goes to another scheme
 * is not followed.
 *
 * @throws RedirectFault, ConfigError for a proxy that cannot be used, and as `fetch`; the cause names the proxy
 */
export async function request(url: string | URL, init: RequestInit = {}, send?: Fetch): Promise<Response> {
  let at = new URL(url);
  for (let steps = 0; ; steps++) {
    const response = await sendOne(at, init, send);
    const location = [301, 302, 303, 307, 308].includes(response.status) ? response.headers.get('location') : null;
    if (location === null) return response;
    await response.body?.cancel();
    if (!URL.canParse(location, at.href))
      throw new RedirectFault(`the server redirects to ${JSON.stringify(location.slice(0, 80))}, which is no URL`);
    const next = new URL(location, at);
    if (next.protocol !== 'https:' && next.protocol !== 'http:') {
      throw new RedirectFault(
        `the server redirects to ${next.protocol}, which is not fetched (only https: and http: are)`,
      );
    }
    if (at.protocol === 'https:' && next.protocol === 'http:') {
      throw new RedirectFault(`the server redirects to ${shown(next)}, which is not encrypted`);
    }
    if (steps === mostRedirects) throw new RedirectFault('redirect count exceeded');
    at = next;
  }
}

async function sendOne(url: URL, init: RequestInit, send: Fetch | undefined): Promise<Response> {
  const go = send ?? (await fetchThrough(proxiesOf(process.env)));
  try {
    return await go(url, { ...init, redirect: 'manual' });
  } catch (error) {
    const proxy = init.signal?.aborted ? undefined : proxyFor(url);
    if (!proxy) throw error;
    const { message, code } = deepestCause(error) as NodeJS.ErrnoException;
    const answer = /^Proxy response \((\d+)\)/.exec(message)?.[1];
    const what = answer ? `the tunnel was refused with ${answer}` : message || code;
    const why = new Error(`${what}, by the proxy ${shown(proxy.url)} of ${proxy.variable}`);
    throw new TypeError('fetch failed', { cause: Object.assign(why, { code }) });
  }
}

function deepestCause(error: unknown): unknown {
  const { cause } = error as Error;
  return cause instanceof Error ? deepestCause(cause) : error;
}
