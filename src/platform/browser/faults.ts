import type { Refusal } from '../../errors.ts';
import type { Refuse } from '../../formats/context.ts';
import { type PolicyEvent, pageGlobals } from '../../globals.ts';
import { FileFault } from '../refs.ts';

/**
 * Says why a page could not fetch a URL. A browser tells a page nothing but "Failed to fetch", so that no page learns what it may not read.
 * What can be found out is: whether the device is offline, whether the page's own policy forbids the request, and whether the server
 * answers a request whose answer stays hidden.
 */

/** What was found out about a request that failed. */
export interface Findings {
  /** The address of the page or worker. */
  readonly page: string | undefined;
  readonly offline: boolean;
  /** The directive of the page's policy that forbids it. */
  readonly directive?: string | undefined;
  /** The server answers a request whose answer is hidden from the page. Undefined if that was not tried. */
  readonly answers?: boolean | undefined;
}

/** What the caller may do about a server that does not let the page read its file. */
export type Advice = (page: string) => string;

/** Says why a request failed, from what was found out. */
export function fetchFault(cause: unknown, url: string, found: Findings, advice: Advice): FileFault {
  if (cause instanceof FileFault) return cause;
  const message = cause instanceof Error ? cause.message : `${cause}`;
  const fault = (reason: string, remedy: string) => new FileFault('unreadable', reason, remedy, { cause });
  const { page, offline, directive, answers } = found;
  if (!(cause instanceof TypeError) || !page || !URL.canParse(url, page)) return fault(message, 'Check the URL.');
  const at = new URL(url, page);
  const { origin, protocol } = new URL(page);
  if (directive !== undefined) {
    const remedy = `Add ${at.origin} to ${directive} of its Content-Security-Policy.`;
    return fault(`the policy of this page forbids the request (${directive})`, remedy);
  }
  if (offline)
    return fault(
      'this device is offline',
      'Connect it. A page that has kept its files for offline use needs no connection.',
    );
  if (at.protocol === 'file:')
    return fault('a page that was opened as a file may not fetch files', 'Open it from a web server.');
  if (at.origin === origin)
    return fault(`${message}: the server of this page does not answer`, 'Check the URL and the server.');
  if (protocol === 'https:' && at.protocol === 'http:' && answers !== true) {
    return fault('a page of https: may not fetch a file by http:', 'Serve the file by https:.');
  }
  if (answers) {
    const reason = `${at.origin} answers, but does not let pages of ${origin} read the file (it sends no header Access-Control-Allow-Origin)`;
    return fault(reason, `To load it, ${advice(origin)}`);
  }
  const reason = answers === false ? `${message}: ${at.origin} does not answer` : message;
  return fault(
    reason,
    `Check the URL. If it is right, its server may not allow pages of ${origin} (CORS): ${advice(origin)}`,
  );
}

/** How long the server has for the request whose answer is hidden. */
const probeMs = 5000;

/** Runs a request of a page. @throws FileFault that says why it failed */
export async function explained<T>(
  url: string,
  signal: AbortSignal | undefined,
  advice: Advice,
  run: () => Promise<T>,
): Promise<T> {
  const globals = pageGlobals();
  const forbidden: PolicyEvent[] = [];
  const listener = (event: PolicyEvent) => void forbidden.push(event);
  globals.addEventListener?.('securitypolicyviolation', listener);
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof FileFault || signal?.aborted) throw cause;
    await new Promise<void>((resolve) => setTimeout(resolve, 20)); // the event of the policy comes after the failure
    throw fetchFault(cause, url, await findings(cause, url, forbidden, signal), advice);
  } finally {
    globals.removeEventListener?.('securitypolicyviolation', listener);
  }
}

async function findings(
  cause: unknown,
  url: string,
  forbidden: readonly PolicyEvent[],
  signal: AbortSignal | undefined,
): Promise<Findings> {
  const { location, navigator } = pageGlobals();
  const page = location?.href;
  const found = { page, offline: navigator?.onLine === false };
  if (!(cause instanceof TypeError) || !page || !URL.canParse(url, page)) return found;
  const at = new URL(url, page);
  const policy = forbidden.find(
    ({ blockedURI }) => URL.canParse(blockedURI) && new URL(blockedURI).origin === at.origin,
  );
  if (policy) return { ...found, directive: policy.effectiveDirective };
  if (found.offline || at.origin === new URL(page).origin) return found;
  return { ...found, answers: await doesAnswer(at, signal) };
}

/** Tells if a server answers at all: the request carries no rights, and its answer is hidden from the page. */
async function doesAnswer(url: URL, signal: AbortSignal | undefined): Promise<boolean> {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), probeMs);
  try {
    await fetch(url, {
      method: 'HEAD',
      mode: 'no-cors',
      signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal,
    });
    return true;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

type ContextOf = (name: string) => { readonly refuse: (...facts: Parameters<Refuse<FileFault['code']>>) => Refusal };

/** Runs work on a file. @throws its faults as refusals that name the file; the signal's reason if it was aborted */
export async function refusedAs<T>(
  contextOf: ContextOf,
  name: string,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    signal?.throwIfAborted();
    if (cause instanceof FileFault) {
      throw contextOf(cause.file ?? name).refuse(cause.code, '', cause.reason, cause.remedy, cause.cause ?? cause);
    }
    const message = cause instanceof Error ? cause.message : `${cause}`;
    throw contextOf(name).refuse('unreadable', '', message, undefined, cause);
  }
}
