import { EngineError } from '../errors.ts';
import { add } from '../nn/functional.ts';
import { type Engine, map, programOf, recordPart } from '../nn/part.ts';

/** A network of one sum: 1 + 1 and 2 + 2. */
const sum = recordPart({ name: 'probe', inputs: { x: map(1) }, forward: (_, { x }) => ({ y: add(x, x) }) });

/**
 * Runs a sum on an engine that has started. Some start and cannot compute: onnxruntime in a realm of Jest, or a driver.
 *
 * @throws EngineError if it fails or gives other numbers
 */
export async function probe(engine: Engine): Promise<void> {
  const runner = await engine.load(programOf('probe', sum, new Map()));
  try {
    const { y } = await runner.run({ x: { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) } });
    const values = [...((await y?.read())?.data ?? [])];
    y?.dispose();
    if (values.join() !== '2,4') throw new EngineError(`the engine ${engine.name} computes 1 + 1, 2 + 2 = ${values}.`);
  } finally {
    runner.dispose();
  }
}
