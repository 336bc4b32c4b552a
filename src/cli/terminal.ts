import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import picocolors from 'picocolors';
import type { Progress } from '../node.ts';
import { exitCodes } from './failure.ts';
import { worded } from './words.ts';

/** Standard streams, and what is said on them. */

let closed = false;

/** Tells whether the reader of stdout has gone (`| head`). */
export const stdoutClosed = (): boolean => closed;

/**
 * Watches stdout and stderr. If a reader closes its pipe, the run goes on silently and finishes its files. Any other fault
 * ends the process with one line.
 *
 * @param cleanUp called before the process ends
 */
export function watchStandardStreams(cleanUp: () => void): void {
  for (const name of ['stdout', 'stderr'] as const) {
    process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') {
        if (name === 'stdout') closed = true;
        return;
      }
      cleanUp();
      try {
        writeSync(2, `error: ${name} cannot be written: ${error.message}.\n`);
      } catch {
        // stderr is the stream that failed
      }
      process.exit(exitCodes.failure);
    });
  }
}

/** Writes to stdout and waits for a slow reader, so that nothing piles up in memory. */
export async function writeToStdout(content: string | Uint8Array): Promise<void> {
  if (closed || process.stdout.write(content)) return;
  try {
    await once(process.stdout, 'drain');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  }
}

/** Results go to stdout, everything about the run to stderr, progress only to a terminal. */
export interface Terminal {
  /** Prints a result. */
  print(line: string): void;
  /** Prints a line about the run; `--quiet` leaves it out. */
  note(line: string): void;
  /** Prints what went wrong, always. */
  complain(line: string): void;
  /** Shows a progress bar on a terminal; the next line replaces it. */
  progress(done: number, total: number, text: string): void;
  /** Removes the progress bar. */
  settle(): void;
  readonly colors: ReturnType<typeof picocolors.createColors>;
}

export interface TerminalOptions {
  readonly quiet?: boolean | undefined;
  /** The stream of `print`: stderr if stdout carries JSON or a file. */
  readonly results?: 'stdout' | 'stderr';
}

export function openTerminal({ quiet = false, results = 'stdout' }: TerminalOptions = {}): Terminal {
  const { stderr } = process;
  const stream = process[results];
  const bar = stderr.isTTY && !quiet ? progressBar(stderr) : undefined;
  const say = (to: NodeJS.WriteStream, line: string) => {
    bar?.clear();
    to.write(`${harmless(line)}\n`);
  };
  return {
    print: (line) => {
      if (results === 'stdout' || !quiet) say(stream, line);
    },
    note: (line) => {
      if (!quiet) say(stderr, line);
    },
    complain: (line) => say(stderr, line),
    progress: (done, total, text) => bar?.show(done, total, text),
    settle: () => bar?.clear(),
    colors: picocolors.createColors(wantsColor(stream)),
  };
}

/**
 * Replaces control characters, which names of files and texts in them may have, so that no terminal obeys them. Lines
 * and colours stay.
 */
export const harmless = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  text.replace(/\u001b\[\d+m|[\0-\u0008\u000b-\u001f\u007f-\u009f]/g, (found) => (found.length > 1 ? found : '�'));

/** Follows https://no-color.org, and FORCE_COLOR for output that is piped into a pager. */
function wantsColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  return FORCE_COLOR ? FORCE_COLOR !== '0' : stream.isTTY === true && TERM !== 'dumb';
}

const barWidth = 24;

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const oneLine = (text: string): string => text.replace(/[\0-\u001f\u007f-\u009f]/g, '�');

/** One line that is drawn over itself. */
function progressBar(stream: NodeJS.WriteStream) {
  let shown = '';
  return {
    show(done: number, total: number, text: string) {
      const full = Math.round((barWidth * done) / Math.max(total, 1));
      const line = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${oneLine(text)}`.slice(
        0,
        (stream.columns || 80) - 1,
      );
      if (line !== shown) stream.write(`\r\x1b[K${line}`);
      shown = line;
    },
    clear() {
      if (shown) stream.write('\r\x1b[K');
      shown = '';
    },
  };
}

/** Milliseconds between the lines about a download if there is no terminal to draw a bar on. */
const lineEvery = 10_000;

/** Shows the loading of a model. A download says its size first, and the reason of every wait. */
export function loadingDisplay(terminal: Terminal): (progress: Progress) => void {
  let [file, began, start, said] = ['', 0, 0, 0];
  return ({ stage, done, total, text, notice }) => {
    if (notice !== undefined) return terminal.note(`${text}: ${worded(notice)}`);
    const name = basename(text);
    if (stage !== 'download') return terminal.progress(done, total, `loading ${name}`);
    const now = performance.now();
    if (text !== file) {
      [file, began, start, said] = [text, now, done, now];
      const rest = done > 0 ? `, ${bytes(done)} already downloaded` : '';
      terminal.note(`downloading ${name}: ${total > 0 ? bytes(total) : 'unknown size'}${rest}`);
    }
    const speed = now > began && done > start ? `, ${bytes((1000 * (done - start)) / (now - began))}/s` : '';
    const line = `${name}  ${bytes(done)}${total > 0 ? ` of ${bytes(total)}` : ''}${speed}`;
    if (process.stderr.isTTY) terminal.progress(done, total, line);
    else if (now - said >= lineEvery) {
      said = now;
      terminal.note(line);
    }
  };
}

export function duration(milliseconds: number): string {
  return milliseconds < 10_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** `27.4 MB`, in powers of ten as servers count. */
export const bytes = (count: number): string =>
  count < 1e6 ? `${Math.ceil(count / 1e3)} kB` : `${(count / 1e6).toFixed(1)} MB`;

export const plural = (count: number, word: string): string => `${count} ${word}${count === 1 ? '' : 's'}`;

const shownNames = 12;

/** `window, car`; of a long list the first names and the count. */
export function someOf(names: readonly string[]): string {
  if (names.length <= shownNames) return names.join(', ');
  return `${names.slice(0, shownNames).join(', ')}, … (${names.length} classes)`;
}
