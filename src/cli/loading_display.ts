import { basename } from 'node:path';
import type { Terminal } from './terminal.ts';
import { bytes } from './words.ts';

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
