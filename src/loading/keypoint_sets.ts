import { cocoKeypoints } from '../datasets/keypoints.ts';
import { listed, wholeBodyParts } from './keypoint_sets.data.ts';

/**
 * Keypoints of data sets that configurations of mmpose 1.x name by a file or a class, for checkpoints that do not carry them
 * (mmpose 1.3.2, `configs/_base_/datasets`). They have the form of a `dataset_meta`.
 */

const numbersIn = (text: string): number[] => text.split(' ').map(Number);
const pairsIn = (text: string): [number, number][] =>
  text.split(' ').map((pair) => pair.split('-').map(Number) as [number, number]);

/** The keypoints of a data set, as mmpose 1.x writes them beside weights. */
interface KeypointMeta {
  readonly dataset_name: string;
  readonly keypoint_id2name: Readonly<Record<number, string>>;
  readonly skeleton_links: readonly (readonly [number, number])[];
  readonly flip_pairs: readonly (readonly [number, number])[];
  readonly sigmas: readonly number[];
}

const metaOf = (
  dataset_name: string,
  names: readonly string[],
  rest: Omit<KeypointMeta, 'dataset_name' | 'keypoint_id2name'>,
): KeypointMeta => ({ dataset_name, keypoint_id2name: Object.fromEntries(names.entries()), ...rest });

/** The name of a keypoint on the other side; of one in the middle its own. */
const mirrored = (name: string): string =>
  name.replace(
    /^left_|^right_|^L_|^R_/,
    (side) => ({ left_: 'right_', right_: 'left_', L_: 'R_', R_: 'L_' })[side] ?? side,
  );

const pairsOf = (names: readonly string[]): [number, number][] =>
  names.flatMap((name, i): [number, number][] => {
    const other = names.indexOf(mirrored(name));
    return other > i ? [[i, other]] : [];
  });

/** Three points of each foot, 68 of the face, and 21 of each hand, after COCO's of the body (arXiv 2007.11858). */
const wholeBody = (): KeypointMeta => {
  const feet = ['left', 'right'].flatMap((side) => ['big_toe', 'small_toe', 'heel'].map((part) => `${side}_${part}`));
  const face = Array.from({ length: 68 }, (_, i) => `face-${i}`);
  const fingers = ['thumb', 'forefinger', 'middle_finger', 'ring_finger', 'pinky_finger'];
  const hand = ['hand_root', ...fingers.flatMap((finger) => [1, 2, 3, 4].map((joint) => `${finger}${joint}`))];
  const hands = ['left', 'right'].map((side) => hand.map((part) => `${side}_${part}`));
  const names = [...cocoKeypoints.names, ...feet, ...face, ...hands.flat()];
  const placeOf = (name: string) => names.indexOf(name);
  const facePairs = pairsIn(wholeBodyParts.facePairs);
  const footLinks = feet.map((name): [number, number] => [placeOf(name.replace(/_.*/, '_ankle')), placeOf(name)]);
  const handLinks = hands.flatMap((parts) =>
    parts.slice(1).map((name, i): [number, number] => [placeOf(parts[i % 4 === 0 ? 0 : i] ?? name), placeOf(name)]),
  );
  const { feet: feetSigmas, face: faceSigmas, hand: handSigmas } = wholeBodyParts;
  return metaOf('coco_wholebody', names, {
    skeleton_links: [...cocoKeypoints.skeleton, ...footLinks, ...handLinks],
    flip_pairs: [...pairsOf(names), ...facePairs.map(([a, b]): [number, number] => [a + 23, b + 23])],
    sigmas: [...(cocoKeypoints.sigmas ?? []), ...numbersIn(`${feetSigmas} ${faceSigmas} ${handSigmas} ${handSigmas}`)],
  });
};

const coco = (): KeypointMeta => {
  const { names, skeleton, flipPairs, sigmas = [] } = cocoKeypoints;
  return metaOf('coco', names, { skeleton_links: skeleton, flip_pairs: flipPairs, sigmas });
};

const ofList = (name: keyof typeof listed) => (): KeypointMeta => {
  const { names, links, sigmas } = listed[name];
  const all = names.split(',');
  return metaOf(name, all, { skeleton_links: pairsIn(links), flip_pairs: pairsOf(all), sigmas: numbersIn(sigmas) });
};

/** By the name of the file, and by that of the class. */
const sets: Readonly<Record<string, () => KeypointMeta>> = {
  ...Object.fromEntries((Object.keys(listed) as (keyof typeof listed)[]).map((name) => [`${name}.py`, ofList(name)])),
  MpiiDataset: ofList('mpii'),
  CrowdPoseDataset: ofList('crowdpose'),
  AicDataset: ofList('aic'),
  JhmdbDataset: ofList('jhmdb'),
  PoseTrack18Dataset: ofList('posetrack18'),
  AP10KDataset: ofList('ap10k'),
  AnimalPoseDataset: ofList('animalpose'),
  'coco_wholebody.py': wholeBody,
  CocoWholeBodyDataset: wholeBody,
  // COCO's keypoints on other images
  'ochuman.py': coco,
  OCHumanDataset: coco,
  'humanart.py': coco,
  HumanArtDataset: coco,
};

/** Returns the keypoints of a data set of mmpose by the name of its file or class. Undefined for one that is not listed. */
export const keypointMeta = (name: string): KeypointMeta | undefined =>
  Object.hasOwn(sets, name) ? sets[name]?.() : undefined;
