import { checkpointContext } from '../../formats/context.ts';
import { formatOf } from '../../formats/sniff.ts';
import { blobSource } from '../../formats/source.ts';
import { pageGlobals } from '../../globals.ts';
import type { OpenOptions, OpenSource } from '../contract.ts';
import {
  checkName,
  FileFault,
  type FileRef,
  fetchInto,
  isResponse,
  memorySource,
  mostWeightsBytes,
  nameOf,
  type ReadBodyOptions,
  readBody,
} from '../refs.ts';
import { explained, refusedAs } from './faults.ts';
import { Store, stateOf } from './store.ts';

/** Weights in a page. A file is never whole in the memory of JavaScript: it is a Blob of the browser, and tensors are read out of it by position. */

const advice = (page: string): string =>
  'download the file, convert it to half its size (moganet convert FILE weights.safetensors --dtype f16), serve it beside the page, and give that URL; ' +
  `or let its server send the header for ${page}. The files of releases on code hosts never come with it.`;

/** @throws CheckpointRefusal naming the URL and why it cannot be fetched; the signal's reason if it was aborted */
export async function openWeights(weights: FileRef, options: OpenOptions = {}): Promise<OpenSource> {
  const { signal, onBytes } = options;
  const name = nameOf(weights);
  return refusedAs(checkpointContext, name, signal, async () => {
    const limits = { most: mostWeightsBytes, signal, onBytes };
    if (isResponse(weights)) {
      const parts = blobParts();
      await readBody(weights, limits, parts.add);
      return blobSource(parts.blob(), name);
    }
    const source = await memorySource(weights, limits);
    if (source) return source;
    checkName(name);
    const { blob, discard } = await explained(name, signal, advice, () => fetchedBlob(name, limits, options));
    const beside = (other: string) => openWeights(name.replace(/[^/?#]*([?#].*)?$/, other), options);
    return { ...blobSource(blob, name), beside, discard };
  });
}

interface Fetched {
  readonly blob: Blob;
  readonly discard?: (() => Promise<void>) | undefined;
}

/** Returns a file from the cache if the server still has the same, else from the server. */
async function fetchedBlob(url: string, limits: ReadBodyOptions, { cache, onNotice }: OpenOptions): Promise<Fetched> {
  const { signal, onBytes } = limits;
  const page = pageGlobals().location?.href;
  const absolute = URL.canParse(url, page) ? new URL(url, page) : undefined;
  const isKept = absolute !== undefined && /^https?:$/.test(absolute.protocol);
  const store = isKept ? await Store.open(cache, onNotice) : undefined;
  const key = absolute?.href ?? url;
  const discard = store && (() => store.forget(key));
  const kept = await store?.find(key);
  if (kept) {
    const state = await stateOf(url, kept, signal);
    if (state === 'unknown') {
      const date = kept.date && ` of ${kept.date}`;
      onNotice?.(`${url} cannot be compared with the server, which does not answer: the kept copy${date} is used.`);
    }
    if (state !== 'changed') {
      onBytes?.(kept.blob.size, kept.blob.size, true);
      return { blob: kept.blob, discard };
    }
  }
  const parts = blobParts();
  const answer = await fetchInto(url, limits, parts.add);
  const blob = parts.blob();
  await store?.keep(key, blob, answer);
  return { blob, discard };
}

/** Bytes of a download after which they are handed to the browser, which may keep them on the disk. */
const partBytes = 8 * 2 ** 20;

/** Collects a download in a Blob. @throws FileFault from `add` if it begins as a page */
function blobParts() {
  const parts: Blob[] = [];
  let chunks: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const flush = () => {
    if (bytes > 0) parts.push(new Blob(chunks));
    [chunks, bytes] = [[], 0];
  };
  return {
    add: (chunk: Uint8Array<ArrayBuffer>): void => {
      if (parts.length === 0 && bytes === 0) refusePage(chunk);
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= partBytes) flush();
    },
    blob: (): Blob => {
      flush();
      return new Blob(parts);
    },
  };
}

/** @throws FileFault for the HTML of a server that answers every path with its page */
function refusePage(head: Uint8Array): void {
  const { kind, name } = formatOf(head, ['zip', 'safetensors', 'pickle']);
  if (kind !== 'not-downloaded' || !/HTML/.test(name)) return;
  const remedy =
    'Check the URL. Servers of applications answer a path that does not exist with the page of the application.';
  throw new FileFault('unreadable', 'the server answered with an HTML page, not with a file of weights', remedy);
}
