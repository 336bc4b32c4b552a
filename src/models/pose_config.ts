import * as z from 'zod/mini';
import { oddSide } from '../../heads/heatmap.ts';
import { type PoseHeads, poseHeads } from '../../heads/index.ts';
import { poseDatasetIds } from '../datasets/index.ts';
import { isObject } from '../validate.ts';

/** The configuration of a top-down pose: each box is cut out of the image, and the network gives heatmaps of its keypoints. */

const edge = z.int().check(z.positive());
const index = z.int().check(z.nonnegative());

/** Pairs of keypoints by their indices. */
export const keypointPairs = z.array(z.tuple([index, index]));

/** Keypoints that no published data set has. Indices are positions in `names`. */
const keypointsConfig = z
  .strictObject({
    names: z.array(z.string().check(z.minLength(1))).check(z.minLength(1)),
    skeleton: z._default(keypointPairs, []),
    flipPairs: z._default(keypointPairs, []),
    sigmas: z.optional(z.array(z.number().check(z.positive()))),
  })
  .check(
    z.superRefine(({ names, skeleton, flipPairs, sigmas }, context) => {
      const fault = (path: (string | number)[], message: string, input: unknown) =>
        context.addIssue({ code: 'custom', path, message, input });
      for (const [field, list] of Object.entries({ skeleton, flipPairs })) {
        for (const [i, pair] of list.entries()) {
          const [a, b] = pair;
          const beyond = Math.max(a, b) >= names.length;
          if (beyond) fault([field, i], `must name two of the ${names.length} keypoints, counted from 0`, pair);
          else if (a === b) fault([field, i], 'must name two different keypoints', pair);
        }
      }
      const mirrored = new Set<number>();
      const twice = flipPairs.flat().find((keypoint) => mirrored.size === mirrored.add(keypoint).size);
      if (twice !== undefined)
        fault(['flipPairs'], `must name each keypoint once, but ${twice} is there twice`, flipPairs);
      if (sigmas && sigmas.length !== names.length)
        fault(['sigmas'], `must be one for each of the ${names.length} keypoints`, sigmas);
    }),
  );

const input = z.strictObject({
  /** The size of the network's input. The short side of a box grows to its aspect. */
  size: z._default(z.strictObject({ height: edge, width: edge }), { height: 256, width: 192 }),
  /** How much larger than the box the crop is. */
  padding: z._default(z.number().check(z.positive()), 1.25),
  /** Places crops by the float32 steps of mmpose 0.x or 1.x, which differ in the last bit. By default those of 0.x. */
  steps: z.optional(z.enum(['0x', '1x'])),
});

/** How heatmaps become keypoints. Defaults are those of mmpose 0.x. */
const test = z.strictObject({
  /** Also runs each crop mirrored and takes the mean of both heatmaps. */
  flip: z._default(z.boolean(), true),
  /** Moves the heatmaps of the mirrored crop right by a column. */
  shift: z._default(z.boolean(), false),
  /**
   * How the position of a maximum is refined, as in `HeatmapDecoding`: `none`; `quarter`, mmpose's `default`; `dark`, its `unbiased`; `udp`,
   * which also maps the corners of a crop to the middle of the corner pixels; `megvii`; `quarter_1x` and `udp_1x` as mmpose 1.x does it.
   */
  decode: z._default(z.enum(['none', 'quarter', 'dark', 'udp', 'megvii', 'quarter_1x', 'udp_1x']), 'quarter'),
  /** The side of the window that `dark`, `udp`, `udp_1x` and `megvii` blur with. */
  blur: z._default(oddSide.check(z.maximum(255)), 11),
  /** The heatmaps of a keypoint: one with a peak at its position, or its response and the offsets along x and y, which `udp` and `udp_1x` read. */
  target: z._default(z.enum(['peak', 'offset']), 'peak'),
  /** The reach of an offset of 1, in heights of the heatmap; with `udp_1x` in its longer sides. */
  offsetRadius: z._default(z.number().check(z.positive()), 0.0546875),
});

type HeadConfig = PoseHeads[keyof PoseHeads]['config'];
const headConfigs = Object.values(poseHeads).map(({ config }) => config) as [HeadConfig, ...HeadConfig[]];

export const poseConfig = z
  .strictObject({
    dataset: z.optional(z.enum(poseDatasetIds)),
    keypoints: z.optional(keypointsConfig),
    /** The name of what has these keypoints. By default `person`. */
    class: z.optional(z.string().check(z.minLength(1))),
    head: z.prefault(z.discriminatedUnion('type', headConfigs), { type: 'heatmap_head' }),
    input: z.prefault(input, {}),
    test: z.prefault(test, {}),
  })
  .check(
    z.superRefine(
      ({ dataset, keypoints, class: name, test }, context) => {
        const fault = (path: string[], message: string) =>
          context.addIssue({ code: 'custom', path, message, input: undefined });
        const choice = `name a data set as "dataset" (${poseDatasetIds.join(', ')}) or give "keypoints"`;
        if (dataset === undefined && keypoints === undefined) fault(['dataset'], choice);
        if (dataset !== undefined && keypoints !== undefined) fault(['keypoints'], `${choice}, not both`);
        if (dataset !== undefined && name !== undefined) fault(['class'], 'must be left out if there is a "dataset"');
        if (isObject(test) && test.target === 'offset' && !isUdp(test))
          fault(['test', 'target'], 'is "offset", which only "decode": "udp" and "udp_1x" read');
      },
      // reported together with the faults of other fields
      { when: ({ value }) => isObject(value) },
    ),
  );
export type PoseConfig = z.output<typeof poseConfig>;

/** Tells if crops and heatmaps are mapped corner to corner. */
export const isUdp = ({ decode }: Pick<PoseConfig['test'], 'decode'>): boolean =>
  decode === 'udp' || decode === 'udp_1x';
