import { byFallingScore, type CocoGroups, groupObjects } from './coco_groups.ts';
import type { CocoInput } from './coco_measures.ts';
import type { AreaRange, CocoParameters } from './coco_parameters.ts';
import { groupComparison } from './coco_similarity.ts';

/**
 * What was matched to what, for every class, image, area range and IoU threshold. A group is one image and class (with
 * `useCategories` false: one image) that has an object or a detection. Groups are ordered by class, then by image.
 * Detections and objects of all groups stand in flat arrays, group by group.
 */
export interface CocoMatching extends CocoGroups {
  readonly parameters: CocoParameters;
  readonly detectionGroup: Int32Array; // (detections)
  readonly scores: Float64Array; // (detections)
  /** The size that decides if an unmatched detection counts in an area range. */
  readonly detectionAreas: Float64Array; // (detections)
  /** Positions of detections, for each class over all images by falling score; equal scores by image, then as in the group. */
  readonly byScore: Int32Array; // (detections)

  readonly truthIds: Float64Array; // (truths)
  readonly truthAreas: Float64Array; // (truths)
  /** 1 for a crowd. */
  readonly truthCrowd: Uint8Array; // (truths)
  /** 1 for an object that does not count in the area range: a crowd, without keypoints, or of another size. */
  readonly truthIgnored: readonly Uint8Array[]; // areas × (truths)

  /**
   * For each area range, threshold by threshold, detection by detection: the object that the detection took, as its position
   * in the flat arrays, or -1.
   */
  readonly matches: readonly Int32Array[]; // areas × (thresholds, detections)
  /** The same, what each detection counts as: see `outcomes`. */
  readonly outcomes: readonly Uint8Array[]; // areas × (thresholds, detections)
}

/** The values of `CocoMatching.outcomes`. */
export const outcomes = { falsePositive: 0, truePositive: 1, ignored: 2 } as const;

/**
 * Matches detections to objects as pycocotools' `evaluate` does.
 *
 * @throws DataError for detections of unknown images, and for entries without what is compared
 */
export function matchCoco(input: CocoInput, notices: string[]): CocoMatching {
  const { truth, detections, parameters, names } = input;
  const { areaRanges, iouThresholds } = parameters;
  const groups = groupObjects(truth, detections, parameters, names, notices);
  const { detectionIndex, truthIndex, detectionStart, groupImage } = groups;
  const annotations = Array.from(truthIndex, (index) => truth.annotations[index]!);
  const detectionAreas = new Float64Array(detectionIndex.length);
  const truthAreas = new Float64Array(truthIndex.length);
  const scores = Float64Array.from(detectionIndex, (index) => detections[index]!.score);
  const detectionGroup = new Int32Array(detectionIndex.length);
  for (let group = 0; group < groupImage.length; group++) {
    detectionGroup.fill(group, detectionStart[group], detectionStart[group + 1]);
  }
  const matching: CocoMatching = {
    ...groups,
    parameters,
    detectionGroup,
    scores,
    detectionAreas,
    byScore: orderOfClasses(groups, scores),
    truthIds: Float64Array.from(annotations, ({ id }) => id),
    truthAreas,
    truthCrowd: Uint8Array.from(annotations, ({ iscrowd }) => iscrowd ?? 0),
    truthIgnored: areaRanges.map(() => new Uint8Array(annotations.length)),
    matches: areaRanges.map(() => new Int32Array(iouThresholds.length * detectionIndex.length).fill(-1)),
    outcomes: areaRanges.map(() => new Uint8Array(iouThresholds.length * detectionIndex.length)),
  };
  const never = Uint8Array.from(annotations, ({ iscrowd, keypoints, num_keypoints }) => {
    if (parameters.type !== 'keypoints') return iscrowd ?? 0;
    return iscrowd || (num_keypoints ?? visibleOf(keypoints)) === 0 ? 1 : 0;
  });
  const compare = groupComparison(input, groups, { truths: truthAreas, detections: detectionAreas });
  const matchGroup = matcherOf(matching, never);
  for (let group = 0; group < groupImage.length; group++) matchGroup(group, compare(group));
  return matching;
}

function visibleOf(keypoints: readonly number[] = []): number {
  let count = 0;
  for (let i = 2; i < keypoints.length; i += 3) if (keypoints[i]! > 0) count++;
  return count;
}

function orderOfClasses({ classStart, detectionStart }: CocoGroups, scores: Float64Array): Int32Array {
  const order = Int32Array.from(scores.keys());
  for (let k = 0; k + 1 < classStart.length; k++) {
    const [from, to] = [detectionStart[classStart[k]!]!, detectionStart[classStart[k + 1]!]!];
    order.set(byFallingScore(order.slice(from, to), scores), from);
  }
  return order;
}

/** @param never 1 for objects that count in no area range */
function matcherOf(matching: CocoMatching, never: Uint8Array) {
  const { parameters, truthStart, detectionStart, truthAreas, detectionAreas, truthCrowd, truthIds } = matching;
  const { areaRanges } = parameters;
  const thresholds = parameters.iouThresholds.map((threshold) => Math.min(threshold, 1 - 1e-10));
  const total = matching.scores.length;
  const order = new Int32Array(longest(truthStart)); // positions in the flat arrays: objects that count first
  const taken = new Uint8Array(order.length);
  const highest = new Float64Array(longest(detectionStart)); // the best similarity of each detection

  /** Sorts the objects of a group: those that count in the area range first. Returns how many do. */
  function sortTruths(area: number, first: number, end: number): number {
    const ignored = matching.truthIgnored[area]!;
    const range = areaRanges[area]!;
    let counting = 0;
    for (let at = first; at < end; at++) {
      ignored[at] = never[at]! || isOutside(truthAreas[at]!, range) ? 1 : 0;
      if (!ignored[at]) order[counting++] = at;
    }
    for (let at = first, next = counting; at < end; at++) if (ignored[at]) order[next++] = at;
    return counting;
  }

  /** Returns the best object's position in `order`, or -1. Of equal ones the last wins, those that count go first. */
  function bestTruth(
    similarity: Float64Array,
    row: number,
    first: number,
    end: number,
    least: number,
    counting: number,
  ) {
    let best = least;
    let found = -1;
    for (let i = 0; i < end - first; i++) {
      if (i === counting && found >= 0) break;
      const truth = order[i]!;
      if (taken[truth - first] && !truthCrowd[truth]) continue;
      const value = similarity[row + truth - first]!;
      if (value < best) continue;
      best = value;
      found = i;
    }
    return found;
  }

  return (group: number, similarity: Float64Array | undefined): void => {
    const [first, end] = [truthStart[group]!, truthStart[group + 1]!];
    const [from, to] = [detectionStart[group]!, detectionStart[group + 1]!];
    const count = end - first;
    for (let d = from; d < to; d++) highest[d - from] = highestIn(similarity, (d - from) * count, count);
    for (let area = 0; area < areaRanges.length; area++) {
      const counting = sortTruths(area, first, end);
      const [matches, results] = [matching.matches[area]!, matching.outcomes[area]!];
      for (let t = 0; t < thresholds.length; t++) {
        const least = thresholds[t]!;
        taken.fill(0, 0, count);
        for (let d = from; d < to; d++) {
          const at = t * total + d;
          const isFar = similarity === undefined || highest[d - from]! < least;
          const found = isFar ? -1 : bestTruth(similarity, (d - from) * count, first, end, least, counting);
          results[at] = isOutside(detectionAreas[d]!, areaRanges[area]!) ? outcomes.ignored : outcomes.falsePositive;
          if (found < 0) continue;
          const truth = order[found]!;
          taken[truth - first] = 1;
          matches[at] = truth;
          if (found >= counting) results[at] = outcomes.ignored;
          // pycocotools reads the id 0 as "not matched"
          else if (truthIds[truth] !== 0) results[at] = outcomes.truePositive;
        }
      }
    }
  };
}

/** Returns the length of the longest group. */
function longest(starts: Int32Array): number {
  let most = 0;
  for (let i = 1; i < starts.length; i++) most = Math.max(most, starts[i]! - starts[i - 1]!);
  return most;
}

function highestIn(values: Float64Array | undefined, from: number, count: number): number {
  let highest = Number.NEGATIVE_INFINITY;
  if (values) for (let i = from; i < from + count; i++) highest = Math.max(highest, values[i]!);
  return highest;
}

const isOutside = (area: number, [least, most]: AreaRange): boolean => area < least || area > most;

/**
 * Returns for each object the detection that took it, as its position in the flat arrays, or -1. Of several that lie on a
 * crowd, the last.
 *
 * @param area position in the list of area ranges of `parameters`
 * @param threshold position in its list of thresholds
 */
export function takenBy(matching: CocoMatching, area: number, threshold: number): Int32Array {
  const count = matching.scores.length;
  const takers = new Int32Array(matching.truthIds.length).fill(-1);
  const matches = matching.matches[area]!;
  for (let d = 0; d < count; d++) {
    const truth = matches[threshold * count + d]!;
    if (truth >= 0) takers[truth] = d;
  }
  return takers;
}
