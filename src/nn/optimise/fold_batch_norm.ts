import type { NDArray, Weights } from '../../arrays.ts';
import { ShapeError } from '../../errors.ts';
import { consumersOf, type Graph, type Node, nodeAt, operandOf, parametersOf, prune, rewriting } from '../graph.ts';

/**
 * Folds a BatchNorm right after a convolution into it: w' = w · γ/√(σ² + ε), b' = (b − μ) · γ/√(σ² + ε) + β.
 * A convolution whose result is read elsewhere as well stays as it is. The taps of what was folded are dropped.
 */
export function foldBatchNorm(graph: Graph, weights: Weights): { graph: Graph; weights: Weights } {
  const consumers = consumersOf(graph);
  const rewritten = rewriting(graph);
  const values = new Map(weights);
  /** Parameters of the convolution and the norm → the new weight and bias: modules that are called again share theirs. */
  const folded = new Map<string, readonly [weight: number, bias: number]>();

  const parameter = (key: string, { shape, data }: NDArray): number => {
    values.set(key, { shape, data });
    const attributes = { key, shape, kind: 'parameter' as const };
    return rewritten.append<'param'>({ op: 'param', inputs: [], attributes, path: key, channels: 0 });
  };
  const foldedParameters = (conv: Node<'conv2d'>, norm: Node<'batchNorm'>): readonly [number, number] => {
    const sources = JSON.stringify([conv.inputs.slice(1), norm.inputs.slice(1), norm.attributes.eps]);
    const known = folded.get(sources);
    if (known) return known;
    const { weight, bias } = foldedValues(graph, weights, conv, norm);
    const prefix = unusedPrefix(norm.path, values);
    const made = [parameter(`${prefix}.weight`, weight), parameter(`${prefix}.bias`, bias)] as const;
    folded.set(sources, made);
    return made;
  };

  for (const node of graph.nodes) {
    const before = node.op === 'batchNorm' ? nodeAt(graph, node.inputs[0]) : undefined;
    if (node.op === 'batchNorm' && before?.op === 'conv2d' && consumers[before.id] === 1) {
      const inputs = [rewritten.idOf(before.inputs[0]), ...foldedParameters(before, node)] as const;
      rewritten.replace(node.id, rewritten.append<'conv2d'>({ ...before, inputs }));
    } else {
      rewritten.copy(node);
    }
  }
  const result = prune(rewritten.finish());
  const used = new Set(parametersOf(result).map(({ key }) => key));
  return { graph: result, weights: new Map([...values].filter(([key]) => used.has(key))) };
}

function foldedValues(graph: Graph, weights: Weights, conv: Node<'conv2d'>, norm: Node<'batchNorm'>) {
  const valueOfNode = (id: number): NDArray => {
    const node = nodeAt(graph, id);
    if (node.op !== 'param') throw new ShapeError(`${node.path}: ${node.op} is not a parameter.`);
    return operandOf(node.attributes, weights);
  };
  const [, weightId, biasId] = conv.inputs;
  const [, gammaId, betaId, meanId, varianceId] = norm.inputs;
  const { shape, data } = valueOfNode(weightId);
  const bias = biasId === undefined ? undefined : valueOfNode(biasId).data;
  const gamma = valueOfNode(gammaId).data;
  const beta = valueOfNode(betaId).data;
  const mean = valueOfNode(meanId).data;
  const variance = valueOfNode(varianceId).data;

  const { channels } = norm;
  const perChannel = data.length / channels;
  const newWeight = new Float32Array(data.length);
  const newBias = new Float32Array(channels);
  for (let c = 0; c < channels; c++) {
    const factor = gamma[c]! / Math.sqrt(variance[c]! + norm.attributes.eps);
    newBias[c] = ((bias?.[c] ?? 0) - mean[c]!) * factor + beta[c]!;
    for (let i = c * perChannel; i < (c + 1) * perChannel; i++) newWeight[i] = data[i]! * factor;
  }
  return { weight: { shape, data: newWeight }, bias: { shape: [channels], data: newBias } };
}

/** A norm that is called after two convolutions is folded twice: the second pair of keys gets `#2`, as calls do in taps. */
function unusedPrefix(path: string, values: Weights): string {
  for (let count = 1; ; count++) {
    const prefix = `${path}${count > 1 ? `#${count}` : ''}:folded`;
    if (!values.has(`${prefix}.weight`) && !values.has(`${prefix}.bias`)) return prefix;
  }
}
