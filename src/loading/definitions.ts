import { createModel, type ModelDefinition } from '../models/create.ts';
import type { ZooEntry } from '../zoo/index.ts';

const definitions = new WeakMap<ZooEntry, ModelDefinition>();

/**
 * Returns the model of a published entry. Every process builds and records it once. Apart from `recognise.ts`, which a page loads with
 * the first file.
 */
export function definitionOf(entry: ZooEntry): ModelDefinition {
  const known = definitions.get(entry);
  if (known) return known;
  const definition = createModel(entry.config);
  definitions.set(entry, definition);
  return definition;
}
