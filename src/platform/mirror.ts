/** The name of a published file: the last part of its URL. */
export const publishedName = (url: string): string => decodeURIComponent(new URL(url).pathname.split('/').at(-1) ?? '');

/**
 * Returns the URL of a file on a mirror: the mirror itself if it names a file, else the file of that name in the folder. In a page it may
 * be relative to the page.
 */
export function onMirror(name: string, mirror: string): string {
  const [, path = '', rest = ''] = /^([^?#]*)(.*)$/s.exec(mirror) ?? [];
  if (path.split('/').at(-1) === name || /\.(pth|pt|bin|tar|safetensors)$/i.test(path)) return mirror;
  return `${path.replace(/\/$/, '')}/${encodeURIComponent(name)}${rest}`;
}
