/** Bytes so far, and of the whole where the server says it (0 otherwise). */
export type OnBytes = (done: number, total: number) => void;

/**
 * Fetches a file whole.
 *
 * @throws Error with a sentence to put after the file's address
 */
export async function fetchBytes(
  address: string | URL,
  signal?: AbortSignal,
  onBytes: OnBytes = () => undefined,
): Promise<Uint8Array> {
  const response = await fetch(address, signal ? { signal } : {});
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  // a compressed answer's length is not the file's
  const coded = response.headers.has('content-encoding');
  const total = coded ? 0 : Number(response.headers.get('content-length') ?? 0);
  const chunks: Uint8Array[] = [];
  let done = 0;
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    chunks.push(part.value);
    done += part.value.length;
    onBytes(done, total);
  }
  const bytes = new Uint8Array(done);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
