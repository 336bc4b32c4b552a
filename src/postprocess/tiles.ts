import { firstThrough, lastRead, type Samples } from './bilinear.ts';

/** Stretches of an axis of a resized map whose pixels are made of the same few values. */

/** Half-open stretches, one per tile. */
interface Stretches {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export interface Tiles {
  readonly count: number;
  /** Tile i has the pixels from `starts[i]` up to `starts[i + 1]` of the last step. */
  readonly starts: Int32Array;
  /** What each tile reads of the base map. */
  readonly base: Stretches;
  /** What each tile needs of the result of each step. */
  readonly levels: readonly Stretches[];
  /** The most pixels of a tile, in the last step. */
  readonly longest: number;
  /** The most pixels of a tile, in any step or the base map. */
  readonly widest: number;
}

/** The most pixels of a tile, so that buffers stay small. */
const longestTile = 64;

/**
 * Divides a part of the last step's axis where the pixels begin to read another cell.
 *
 * @param cells the cell of each pixel of the base map
 * @param steps the resizes of the base map, one after another
 * @param from the first pixel after the last step
 * @param to the end
 */
export function tilesOf(cells: Int32Array, steps: readonly Samples[], from: number, to: number): Tiles {
  const cellOf = (i: number): number => cells[firstThrough(steps, i)]!;
  const found: number[] = [];
  for (let i = from, last = -2; i < to; i++) {
    const cell = cellOf(i);
    if (cell === last && i - found.at(-1)! < longestTile) continue;
    found.push(i);
    last = cell;
  }
  const starts = Int32Array.from([...found, to]);
  const count = found.length;
  let needed: Stretches = { starts: starts.slice(0, count), ends: starts.slice(1) };
  const levels = [needed];
  for (const samples of [...steps].reverse()) {
    needed = {
      starts: needed.starts.map((start) => samples.low[start]!),
      ends: needed.ends.map((end) => lastRead(samples, end - 1) + 1),
    };
    levels.unshift(needed);
  }
  const lengthOf = ({ starts, ends }: Stretches) => ends.reduce((most, end, i) => Math.max(most, end - starts[i]!), 0);
  return {
    count,
    starts,
    base: needed,
    levels: levels.slice(1),
    longest: lengthOf(levels.at(-1)!),
    widest: Math.max(...levels.map(lengthOf)),
  };
}
