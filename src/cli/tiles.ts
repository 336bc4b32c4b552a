import { type Command, InvalidArgumentError, Option } from 'commander';
import type { PredictOptions, Size } from '../node.ts';
import { longestEdge, sizeWithin, unitInterval } from './arguments.ts';
import { UsageError } from './failure.ts';

/** Options that run a large image in tiles, of every command that predicts. */

/** What the command line says about tiles. */
export interface TileWords {
  readonly tiles?: Size;
  readonly tileOverlap?: number;
  readonly tileEdges?: 'drop' | 'keep';
  readonly tileMerge?: 'nms' | 'ios';
  readonly tileIou?: number;
  readonly tileBlend?: 'mean' | 'hann';
  /** False with `--no-tile-whole`. */
  readonly tileWhole?: boolean;
}

/** The shortest edge of a tile in the library; `test/cli/tiles.test.ts` compares it. */
export const leastTile = 32;

function tileSize(text: string): Size {
  const size = sizeWithin(text, longestEdge);
  if (Math.min(size.height, size.width) >= leastTile) return size;
  throw new InvalidArgumentError(`Expected edges of at least ${leastTile} pixels.`);
}

function overlapShare(text: string): number {
  const share = unitInterval(text);
  if (share <= 0.9) return share;
  throw new InvalidArgumentError('Expected a number from 0 to 0.9.');
}

/**
 * Adds the options.
 *
 * @param detects the command may show instances
 * @param segments the command may show a class for every pixel
 */
export function addTileOptions(command: Command, { detects = true, segments = true } = {}): Command {
  command
    .option(
      '--tiles <HxW>',
      'run a larger image in overlapping tiles of so many of its pixels, one number for a square (default: whole)',
      tileSize,
    )
    .option(
      '--tile-overlap <share>',
      'part of its edges that a tile shares with the next (default: 0.2)',
      overlapShare,
    );
  if (detects) {
    command
      .addOption(
        new Option(
          '--tile-merge <how>',
          'one object in two tiles: nms by IoU, ios by the share of the smaller box (default: ios)',
        ).choices(['nms', 'ios']),
      )
      .option('--tile-iou <share>', 'drop the worse of two boxes that share more (default: 0.5)', unitInterval)
      .addOption(
        new Option('--tile-edges <how>', 'detections that an inner edge of a tile cuts (default: drop)').choices([
          'drop',
          'keep',
        ]),
      )
      .option('--no-tile-whole', 'detect in tiles only, without a pass over the whole image');
  }
  if (segments) {
    command.addOption(
      new Option(
        '--tile-blend <how>',
        'logits where tiles overlap: their mean, or hann for the middle of a tile (default: mean)',
      ).choices(['mean', 'hann']),
    );
  }
  return command;
}

/**
 * Returns the library's option.
 *
 * @throws UsageError if there are words about tiles, and no tiles
 */
export function tilesFrom({
  tiles: size,
  tileOverlap: overlap,
  tileEdges: edges,
  tileMerge: merge,
  tileIou: iou,
  tileBlend: blend,
  tileWhole,
}: TileWords): PredictOptions['tiles'] {
  const whole = tileWhole === false ? false : undefined;
  if (size) return { size, overlap, whole, edges, merge, iou, blend };
  const words = {
    '--tile-overlap': overlap,
    '--tile-edges': edges,
    '--tile-merge': merge,
    '--tile-iou': iou,
    '--tile-blend': blend,
    '--no-tile-whole': whole,
  };
  const given = Object.entries(words).flatMap(([word, value]) => (value === undefined ? [] : word));
  if (given.length > 0) throw new UsageError(`${given.join(' and ')} needs --tiles: give the size of a tile.`);
  return undefined;
}
