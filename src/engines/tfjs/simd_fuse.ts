import type { Convolution } from '../../nn/ops.ts';
import { type Plan, planFor, type Step } from './replay.ts';
import { type Activation, activations } from './simd.ts';
import type { Fused } from './simd_kernels.ts';

/** Joins to each activation the convolution before it, if nothing else reads that: it applies the activation as it writes. */
export function withActivations(plan: Plan): Plan {
  const makers = new Map(plan.steps.map((step) => [step.node.id, step]));
  const reads = new Map<number, number>();
  const count = (id: number): void => void reads.set(id, (reads.get(id) ?? 0) + 1);
  for (const { maps } of plan.steps) maps.forEach(count);
  Object.values(plan.graph.outputs).forEach(count);

  const joined = new Set<number>();
  const steps = plan.steps.toReversed().flatMap((step): Step[] => {
    if (joined.has(step.node.id)) return [];
    const [from] = step.maps;
    if (!isActivation(step.node.op) || from === undefined || reads.get(from) !== 1) return [step];
    const maker = makers.get(from);
    if (maker?.node.op !== 'conv2d' || !holdsItsResultOnly(maker.node.attributes, maker.node.channels)) return [step];
    joined.add(from);
    const { maps, parameters } = maker;
    const attributes: Fused = { ...maker.node.attributes, activation: step.node.op };
    const compute: Step['compute'] = ([x]) =>
      plan.implementation.kernels.conv2d(attributes, [x] as never, parameters as never);
    return [{ ...step, maps, parameters, compute }];
  });
  return planFor({ ...plan, steps: steps.reverse() }, Object.keys(plan.graph.outputs));
}

const isActivation = (op: string): op is Activation => op !== 'none' && Object.hasOwn(activations, op);

/** What a step holds is stated for its last operation (`scratch.ts`), and is not more then. */
const holdsItsResultOnly = ({ groups, stride, dilation }: Convolution, channels: number): boolean =>
  (groups === 1 || groups === channels) && (isOne(stride) || isOne(dilation));

const isOne = ({ height, width }: Convolution['stride']): boolean => height === 1 && width === 1;
