import type { Ring } from './polygons.ts';

/** Rings for formats that know neither holes nor several parts: bridged by slits that enclose nothing. */

/** One outline of a mask with the holes in it. */
export interface Part {
  readonly outer: Ring;
  readonly holes: readonly Ring[];
}

/**
 * The parts of a mask from its rings as `maskRings` gives them: outer rings run clockwise on the screen, holes the other
 * way. A hole belongs to the smallest outer ring around it.
 */
export function partsOf(rings: readonly Ring[]): Part[] {
  const areas = new Map(rings.map((ring) => [ring, signedArea(ring)]));
  const outers = rings.filter((ring) => areas.get(ring)! > 0).map((outer) => ({ outer, holes: [] as Ring[] }));
  const smallestFirst = [...outers].sort((a, b) => areas.get(a.outer)! - areas.get(b.outer)!);
  for (const hole of rings) {
    if (areas.get(hole)! > 0) continue;
    smallestFirst.find(({ outer }) => contains(outer, hole))?.holes.push(hole);
  }
  return outers;
}

/** The part as one ring, which goes to each hole and back on the shortest way between two of their points. */
export function withSlits({ outer, holes }: Part): Ring {
  return joinRings([outer, ...holes]);
}

/**
 * All rings as one: each is entered from what is joined so far over the shortest way between two points, and left on the
 * same way, so that the even-odd rule encloses what the rings enclose. The nearest ring comes next.
 */
export function joinRings(rings: readonly Ring[]): Ring {
  let [joined = [], ...rest] = rings as readonly Ring[];
  // each waiting ring remembers its nearest place on what is joined; only new points can be nearer
  let bridges = rest.map((ring) => nearest(joined, ring));
  while (rest.length > 0) {
    const next = bridges.reduce((best, { distance }, i) => (distance < bridges[best]!.distance ? i : best), 0);
    const ring = rest[next]!;
    const { x, y, to } = bridges[next]!;
    const at = indexOf(joined, x, y);
    const turned = [...ring.slice(2 * to), ...ring.slice(0, 2 * to)];
    joined = [...joined.slice(0, 2 * at + 2), ...turned, turned[0]!, turned[1]!, ...joined.slice(2 * at)];
    rest = rest.filter((_, i) => i !== next);
    bridges = bridges.filter((_, i) => i !== next);
    bridges = rest.map((waiting, i) => {
      const now = nearest(ring, waiting);
      return now.distance < bridges[i]!.distance ? now : bridges[i]!;
    });
  }
  return joined;
}

interface Bridge {
  /** A point of the ring that is there already. */
  readonly x: number;
  readonly y: number;
  /** The point of the other ring. */
  readonly to: number;
  readonly distance: number;
}

function nearest(a: Ring, b: Ring): Bridge {
  let best: Bridge = { x: a[0]!, y: a[1]!, to: 0, distance: Number.POSITIVE_INFINITY };
  for (let i = 0; i < a.length; i += 2) {
    for (let j = 0; j < b.length; j += 2) {
      const distance = (a[i]! - b[j]!) ** 2 + (a[i + 1]! - b[j + 1]!) ** 2;
      if (distance < best.distance) best = { x: a[i]!, y: a[i + 1]!, to: j / 2, distance };
    }
  }
  return best;
}

function indexOf(ring: Ring, x: number, y: number): number {
  for (let i = 0; i < ring.length; i += 2) if (ring[i] === x && ring[i + 1] === y) return i / 2;
  return 0;
}

/** Positive where the ring runs clockwise on the screen (y downwards). */
function signedArea(ring: Ring): number {
  let twice = 0;
  for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
    twice += ring[j]! * ring[i + 1]! - ring[i]! * ring[j + 1]!;
  }
  return twice / 2;
}

/** Whether a hole of the same mask lies in the ring. */
function contains(outer: Ring, hole: Ring): boolean {
  // the middle of the first pixel edge: on no other ring, and no ring's corner
  const x = hole[0]! + Math.sign(hole[2]! - hole[0]!) / 2;
  const y = hole[1]! + Math.sign(hole[3]! - hole[1]!) / 2;
  let inside = false;
  for (let i = 0, j = outer.length - 2; i < outer.length; j = i, i += 2) {
    const [xi, yi, xj, yj] = [outer[i]!, outer[i + 1]!, outer[j]!, outer[j + 1]!];
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
  }
  return inside;
}
