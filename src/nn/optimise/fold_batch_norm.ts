import type { NDArray, Weights } from '../../arrays.ts';
import { consumersOf, type Graph, type Node, operandShape, prune } from '../graph.ts';

/**
 * A BatchNorm right after a convolution becomes part of it: w' = w · γ/√(σ² + ε), b' = (b − μ) · γ/√(σ² + ε) + β.
 * A convolution whose result somebody else reads as well stays as it is. The taps of what was folded go with it.
 */
export function foldBatchNorm(graph: Graph, weights: Weights): { graph: Graph; weights: Weights } {
  const consumers = consumersOf(graph);
  const nodes: Node[] = [];
  const folded = new Map(weights);
  const place = new Map<number, number>(); // old id → new id
  const push = (node: Node): number => nodes.push({ ...node, id: nodes.length } as Node) - 1;
  const param = (key: string, value: NDArray): number => {
    folded.set(key, value);
    const attributes = { key, shape: value.shape, kind: 'parameter' as const };
    return push({ id: 0, op: 'param', inputs: [], attributes, path: key, channels: 0 });
  };
  const tensorOf = (id: number): NDArray => {
    const { attributes } = graph.nodes[id] as Node<'param'>;
    return { shape: operandShape(attributes), data: weights.get(attributes.key)!.data };
  };

  for (const node of graph.nodes) {
    const before = node.op === 'batchNorm' ? graph.nodes[node.inputs[0]!] : undefined;
    if (node.op === 'batchNorm' && before?.op === 'conv2d' && consumers[before.id] === 1) {
      const [, gamma, beta, mean, variance] = node.inputs.map((id) => (id === before.id ? undefined : tensorOf(id)));
      const [, weightId, biasId] = before.inputs;
      const weight = tensorOf(weightId!);
      const bias = biasId === undefined ? undefined : tensorOf(biasId);
      const { data, shape } = weight;
      const perChannel = data.length / node.channels;
      const newWeight = new Float32Array(data.length);
      const newBias = new Float32Array(node.channels);
      for (let c = 0; c < node.channels; c++) {
        const factor = gamma!.data[c]! / Math.sqrt(variance!.data[c]! + node.attributes.eps);
        newBias[c] = ((bias?.data[c] ?? 0) - mean!.data[c]!) * factor + beta!.data[c]!;
        for (let i = c * perChannel; i < (c + 1) * perChannel; i++) newWeight[i] = data[i]! * factor;
      }
      const inputs = [
        place.get(before.inputs[0]!)!,
        param(`${node.path}:folded.weight`, { shape, data: newWeight }),
        param(`${node.path}:folded.bias`, { shape: [node.channels], data: newBias }),
      ];
      place.set(node.id, push({ ...before, inputs }));
    } else {
      place.set(node.id, push({ ...node, inputs: node.inputs.map((id) => place.get(id)!) } as Node));
    }
  }
  const move = (ids: Readonly<Record<string, number>>) =>
    Object.fromEntries(Object.entries(ids).map(([name, id]) => [name, place.get(id)!]));
  const result = prune({ nodes, inputs: move(graph.inputs), outputs: move(graph.outputs), taps: move(graph.taps) });
  const used = new Set(result.nodes.flatMap((node) => (node.op === 'param' ? [node.attributes.key] : [])));
  return { graph: result, weights: new Map([...folded].filter(([key]) => used.has(key))) };
}
