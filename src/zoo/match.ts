import { entries, type ZooEntry } from '../../configs/index.ts';
import { CheckpointError } from '../errors.ts';
import { checkpointParameters, createModel, type ModelDefinition, modelParameters } from '../models/create.ts';
import type { Shape } from '../ndarray.ts';
import { type Graph, recordPart } from '../nn/index.ts';

export interface Match {
  readonly entry: ZooEntry;
  /** Other entries whose keys and shapes are the same but whose network is not. */
  readonly others: readonly ZooEntry[];
}

/**
 * The zoo entry that a checkpoint without configuration belongs to, by its keys and shapes. Entries with equal graphs
 * count as one; among unequal ones the first of the zoo, the published default, is chosen and the others are named.
 *
 * @throws CheckpointError listing the nearest entries where none fits
 */
export function matchEntry(shapes: ReadonlyMap<string, Shape>, what: string): Match {
  const definitions = entries.map((entry) => ({ entry, definition: createModel(entry.config) }));
  const fitting = definitions.filter(({ definition }) => fits(definition, shapes));
  const [first, ...rest] = fitting;
  if (!first) throw new CheckpointError(`${what}: ${nearest(definitions, shapes)}`);
  const chosen = fingerprint(first.definition);
  const others = rest.filter(({ definition }) => fingerprint(definition) !== chosen);
  return { entry: first.entry, others: others.map(({ entry }) => entry) };
}

/** All that the model runs with is there in its shape, and nothing that its published checkpoint has not. */
function fits(definition: ModelDefinition, shapes: ReadonlyMap<string, Shape>): boolean {
  const published = new Map(checkpointParameters(definition).map(({ key, shape }) => [key, shape.join()]));
  for (const [key, shape] of shapes) if (published.get(key) !== shape.join()) return false;
  return modelParameters(definition).every(({ key, kind }) => kind === 'ignored' || shapes.has(key));
}

/** Equal for models that compute the same from the same weights. */
function fingerprint({ parts }: ModelDefinition): string {
  const graphs: Graph[] = Object.values(parts).map(recordPart);
  return JSON.stringify(graphs.map(({ nodes, outputs }) => [nodes, outputs]));
}

function nearest(
  definitions: readonly { entry: ZooEntry; definition: ModelDefinition }[],
  shapes: ReadonlyMap<string, Shape>,
): string {
  const rated = definitions.map(({ entry, definition }) => {
    const wanted = modelParameters(definition).filter(({ kind }) => kind !== 'ignored');
    const present = wanted.filter(({ key }) => shapes.has(key)).length;
    const equal = wanted.filter(({ key, shape }) => shapes.get(key)?.join() === shape.join()).length;
    return { name: entry.name, wanted: wanted.length, present, equal, extra: shapes.size - present };
  });
  rated.sort((a, b) => b.equal - b.extra - (a.equal - a.extra));
  const lines = rated
    .slice(0, 3)
    .map(
      ({ name, wanted, present, equal }) =>
        `  ${name}: ${present} of ${wanted} keys there, ${equal} in the right shape`,
    );
  return `the weights fit no known model, and the file brings no configuration. Nearest:\n${lines.join('\n')}\nName the configuration yourself (a JSON file or a zoo name).`;
}
