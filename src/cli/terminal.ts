import picocolors from 'picocolors';

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
