import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { basename } from 'node:path';
import picocolors from 'picocolors';
import { bytes } from './arguments.ts';
import { exitCodes } from './failure.ts';

let closed = false;

/** Whether the reader of stdout has gone (`| head`). */
export const stdoutClosed = (): boolean => closed;

/**
 * A reader that closed the pipe has seen enough: no message, no stack, and what is being written elsewhere is finished.
 * Any other fault of stdout or stderr ends the process with one line.
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
        // nobody is left to be told
      }
      process.exit(exitCodes.failure);
    });
  }
}

/** Writes to stdout and waits where its reader is slow, so that nothing piles up in memory. */
export async function writeToStdout(content: string | Uint8Array): Promise<void> {
  if (closed || process.stdout.write(content)) return;
  try {
    await once(process.stdout, 'drain');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error; // its listener has ended the process
  }
}

/** Where words go: results to stdout, everything about the run to stderr, progress only where a person looks on. */
export interface Terminal {
  /** A result. */
  print(line: string): void;
  /** About the run; `--quiet` leaves it out. */
  note(line: string): void;
  /** What went wrong; always said. */
  complain(line: string): void;
  /** Shows how far the work is, on a terminal; the next line takes its place. */
  progress(done: number, total: number, text: string): void;
  /** Removes what `progress` shows. */
  settle(): void;
  readonly colors: ReturnType<typeof picocolors.createColors>;
}

export interface TerminalOptions {
  readonly quiet?: boolean;
  /** Results go to another place (JSON on stdout), so lines about images are said on stderr. */
  readonly results?: 'stdout' | 'stderr';
}

export function openTerminal({ quiet = false, results = 'stdout' }: TerminalOptions = {}): Terminal {
  const { stdout, stderr } = process;
  const bar = stderr.isTTY && !quiet ? progressBar(stderr) : undefined;
  const say = (stream: NodeJS.WriteStream, line: string) => {
    bar?.clear();
    stream.write(`${line}\n`);
  };
  return {
    print: (line) => {
      if (results === 'stdout' || !quiet) say(results === 'stdout' ? stdout : stderr, line);
    },
    note: (line) => {
      if (!quiet) say(stderr, line);
    },
    complain: (line) => say(stderr, line),
    progress: (done, total, text) => bar?.show(done, total, text),
    settle: () => bar?.clear(),
    colors: picocolors.createColors(wantsColor(results === 'stdout' ? stdout : stderr)),
  };
}

/** https://no-color.org, and FORCE_COLOR for those who pipe into a pager. */
export function wantsColor(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  return FORCE_COLOR ? FORCE_COLOR !== '0' : stream.isTTY === true && TERM !== 'dumb';
}

const barWidth = 24;

/** One line that is drawn over itself. */
function progressBar(stream: NodeJS.WriteStream) {
  let shown = '';
  return {
    show(done: number, total: number, text: string) {
      const full = Math.round((barWidth * done) / Math.max(total, 1));
      const line = `${'█'.repeat(full)}${'░'.repeat(barWidth - full)} ${text}`.slice(0, (stream.columns ?? 80) - 1);
      if (line !== shown) stream.write(`\r\x1b[K${line}`);
      shown = line;
    },
    clear() {
      if (shown) stream.write('\r\x1b[K');
      shown = '';
    },
  };
}

type Progress = import('../node.ts').Progress;

/** How often a download says how far it is where no bar can be drawn, in milliseconds. */
const every = 10_000;

/** Shows the loading of a model; a download says its size first, and every wait why. */
export function loadingDisplay(terminal: Terminal): (progress: Progress) => void {
  let [file, began, start, said] = ['', 0, 0, 0];
  return ({ stage, done, total, text, notice }) => {
    if (notice !== undefined) return terminal.note(`${text}: ${notice}`);
    if (stage !== 'download') return terminal.progress(done, total, `loading ${basename(text)}`);
    const now = performance.now();
    if (text !== file) {
      [file, began, start, said] = [text, now, done, now];
      const rest = done > 0 ? `, ${bytes(done)} of it are here already` : '';
      terminal.note(
        `fetching ${basename(text)}: ${total > 0 ? bytes(total) : 'the server does not say how much'}${rest}`,
      );
    }
    const speed = now > began && done > start ? `, ${bytes((1000 * (done - start)) / (now - began))}/s` : '';
    const far = `${basename(text)}  ${bytes(done)}${total > 0 ? ` of ${bytes(total)}` : ''}${speed}`;
    if (process.stderr.isTTY) terminal.progress(done, total, far);
    else if (now - said >= every) {
      said = now;
      terminal.note(far);
    }
  };
}
