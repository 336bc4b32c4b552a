import type { KeypointSet } from '../node.ts';

/** The lists of classes that stand beside YOLO's labels: without them its tools know numbers only. */

/** Names of the files, in the folder of the outputs. */
export const classLists = ['classes.txt', 'data.yaml'] as const;

/** The texts of the files, by their names. @param keypoints of poses, which YOLO's lines have behind the box */
export function classListsOf(
  names: readonly string[],
  keypoints?: KeypointSet,
): Readonly<Record<(typeof classLists)[number], string>> {
  const lines = names.map((name) => name.replace(/\s+/g, ' ').trim());
  return {
    'classes.txt': lines.map((line) => `${line}\n`).join(''),
    'data.yaml': [
      '# Classes of the labels beside this file. Set train and val to the folders of the images.',
      'train: images',
      'val: images',
      `nc: ${names.length}`,
      'names:',
      // JSON's texts are YAML's
      ...lines.map((line, i) => `  ${i}: ${JSON.stringify(line)}`),
      ...(keypoints ? shapeOf(keypoints) : []),
      '',
    ].join('\n'),
  };
}

/** The number of keypoints, and for each the one that a mirrored image has in its place. */
function shapeOf({ names, flipPairs }: KeypointSet): string[] {
  const mirrored = names.map((_, i) => flipPairs.find((pair) => pair.includes(i))?.find((one) => one !== i) ?? i);
  return [`kpt_shape: [${names.length}, 3]`, `flip_idx: [${mirrored.join(', ')}]`];
}
