import { type FileHandle, open } from 'node:fs/promises';
import { refuserOf } from '../../checkpoint/refusal.ts';
import type { Source } from '../../checkpoint/source.ts';

/** A file that is read by position. Whoever opens it closes it. */
export interface FileSource extends Source {
  close(): Promise<void>;
}

/** More than this in one call is not portable. */
const mostBytes = 2 ** 30;

/**
 * Opens a file for reading by position.
 *
 * @throws CheckpointRefusal `unreadable` where it cannot be opened or is no file, and on reading where it has become shorter.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  const refuse = refuserOf(path);
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const reason = missing ? 'there is no such file' : `it cannot be opened: ${(cause as Error).message}`;
    throw refuse('unreadable', '', reason, 'Check the path.', cause);
  }
  const stats = await handle.stat();
  if (!stats.isFile()) {
    await handle.close();
    throw refuse('unreadable', '', `this is ${stats.isDirectory() ? 'a folder' : 'no regular file'}`, 'Give a file.');
  }
  const readInto = async (target: Uint8Array, offset: number) => {
    for (let at = 0; at < target.length; ) {
      const { bytesRead } = await handle.read(target, at, Math.min(target.length - at, mostBytes), offset + at);
      if (bytesRead === 0) {
        const reason = `the file ends here, it had ${stats.size} bytes`;
        throw refuse('truncated', `byte ${offset + at}`, reason, 'Is it being written?');
      }
      at += bytesRead;
    }
  };
  return {
    name: path,
    size: stats.size,
    read: async (offset, length) => {
      const bytes = new Uint8Array(length);
      await readInto(bytes, offset);
      return bytes;
    },
    readInto,
    close: () => handle.close(),
  };
}
