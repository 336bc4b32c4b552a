import type { Engine } from 'moganet';

/** Returns an engine that does what another does, apart from `changes`. A spread would not take methods over. */
export const changedEngine = (engine: Engine, changes: Partial<Engine>): Engine => ({
  name: engine.name,
  detail: engine.detail,
  blocking: engine.blocking,
  load: (program) => engine.load(program),
  dispose: () => engine.dispose(),
  ...changes,
});
