import type { Size } from '../arrays.ts';

/** The runs of equal labels in the rows of a map: what is drawn and counted of a segmentation is decided run by run. */
export interface LabelRuns extends Size {
  /** height × width, row by row */
  readonly labels: ArrayLike<number>;
  /** For each row the index of its first run, and the number of all runs at the end. */
  readonly rows: Int32Array;
  /** The column after each run's last. */
  readonly ends: Int32Array;
}

export function runsOf(labels: ArrayLike<number>, { height, width }: Size): LabelRuns {
  const rows = new Int32Array(height + 1);
  let ends = new Int32Array(Math.max(width, 16 * height));
  const words = labels instanceof Uint8Array ? wordsOf(labels) : undefined;
  let count = 0;
  for (let y = 0; y < height; y++) {
    rows[y] = count;
    if (ends.length < count + width) {
      const more = new Int32Array(2 * ends.length + width);
      more.set(ends);
      ends = more;
    }
    const first = y * width;
    const end = first + width;
    for (let at = first; at < end; ) {
      at = endOfRun(labels, words, at, end);
      ends[count++] = at - first;
    }
  }
  rows[height] = count;
  return { height, width, labels, rows, ends };
}

/** Returns bytes four by four, if they lie so that they can be read like this. The last ones may be missing. */
export const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array | undefined =>
  byteOffset % 4 === 0 ? new Uint32Array(buffer, byteOffset, length >> 2) : undefined;

/** Returns where the run that begins at `at` ends, at most `end`. @param words the labels four by four, if they are bytes */
export function endOfRun(labels: ArrayLike<number>, words: Uint32Array | undefined, at: number, end: number): number {
  const label = labels[at]!;
  let next = at + 1;
  if (words) {
    while (next < end && next % 4 !== 0 && labels[next] === label) next++;
    const four = Math.imul(label, 0x01010101) >>> 0;
    if (next % 4 === 0) while (next + 4 <= end && words[next >> 2] === four) next += 4;
  }
  while (next < end && labels[next] === label) next++;
  return next;
}

/** Calls `visit` with the first column of each run of a row and the one after its last. */
export function forEachRun({ rows, ends }: LabelRuns, y: number, visit: (start: number, end: number) => void): void {
  for (let run = rows[y]!, start = 0; run < rows[y + 1]!; run++) {
    const end = ends[run]!;
    visit(start, end);
    start = end;
  }
}

/**
 * Marks the pixels of row `y` with another label at most `reach` pixels above, below, left or right of them. Beyond the map there is
 * none.
 *
 * @param marks of one row, all 0
 */
export function markBorders(runs: LabelRuns, y: number, reach: number, marks: Uint8Array): void {
  const { height, width } = runs;
  for (let other = Math.max(0, y - reach); other <= Math.min(height - 1, y + reach); other++) {
    if (other !== y) markOthers(runs, y, other, marks);
  }
  forEachRun(runs, y, (start, end) => {
    for (let x = start; start > 0 && x < Math.min(start + reach, end); x++) marks[x] = 1;
    for (let x = Math.max(start, end - reach); end < width && x < end; x++) marks[x] = 1;
  });
}

/** Marks the pixels of row `y` whose label differs from that of row `other` in their column. */
function markOthers({ rows, ends, labels, width }: LabelRuns, y: number, other: number, marks: Uint8Array): void {
  let run = rows[y]!;
  let otherRun = rows[other]!;
  for (let x = 0; x < width; ) {
    const end = ends[run]!;
    const otherEnd = ends[otherRun]!;
    const next = Math.min(end, otherEnd);
    if (labels[y * width + x] === labels[other * width + x]) x = next;
    else while (x < next) marks[x++] = 1;
    if (end === next) run++;
    if (otherEnd === next) otherRun++;
  }
}
