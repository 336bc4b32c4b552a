import { expect } from 'chai';
import { ConfigError, createBackbone, type Engine, loadModel, type Progress, readModel } from 'moganet';
import type { NDArray } from '../../src/arrays.ts';
import { bytesSource } from '../../src/formats/index.ts';
import { weightsHash } from '../../src/library/load.ts';
import { modelReader } from '../../src/loading/read_model.ts';
import { loadPart, loadPasses, type Program } from '../../src/nn/index.ts';
import type { Platform } from '../../src/platform/contract.ts';
import { rejection } from '../harness/rejection.ts';
import { smallBoth, smallFile, smallWeights } from '../harness/small_model.ts';
import { prefixed, trainerFile } from '../harness/trainer_file.ts';

/** An engine that counts what it holds. */
function countingEngine(load: () => void = () => {}): Engine & { readonly held: { engines: number; runners: number } } {
  const held = { engines: 1, runners: 0 };
  return {
    name: 'counting',
    held,
    load: async () => {
      load();
      held.runners++;
      return { run: async () => ({}), dispose: () => held.runners-- };
    },
    dispose: async () => {
      held.engines--;
    },
  } as unknown as Engine & { readonly held: { engines: number; runners: number } };
}

describe('createBackbone', () => {
  const { backbone } = smallBoth;
  let weights: Uint8Array;
  before(async () => {
    weights = await smallFile(smallBoth);
  });

  it('reports progress of the weights and of the engine', async () => {
    const stages = new Set<string>();
    const onProgress = ({ stage }: Progress) => stages.add(stage);
    const loaded = await createBackbone(backbone, { weights, engine: countingEngine(), onProgress });
    expect([...stages]).to.deep.equal(['weights', 'engine']);
    await loaded.dispose();
  });

  it('does not begin if its signal is aborted, and stops between tensors', async () => {
    const reason = new Error('enough');
    const engine = countingEngine();
    const signal = AbortSignal.abort(reason);
    expect(await rejection(createBackbone(backbone, { weights, engine, signal }))).to.equal(reason);
    const controller = new AbortController();
    const onProgress = ({ done }: Progress) => done > 3 && controller.abort(reason);
    const stopped = createBackbone(backbone, { weights, engine, signal: controller.signal, onProgress });
    expect(await rejection(stopped)).to.equal(reason);
    expect(engine.held).to.deep.equal({ engines: 1, runners: 0 }); // it was never handed over
  });

  it('frees the engine if a part cannot be loaded', async () => {
    for (const load of [
      (engine: Engine) => createBackbone(backbone, { weights, engine }),
      (engine: Engine) => loadModel({ weights }, { engine }),
    ]) {
      const fault = new Error('no memory');
      const engine = countingEngine(() => {
        throw fault;
      });
      expect(await rejection(load(engine))).to.equal(fault);
      expect(engine.held).to.deep.equal({ engines: 0, runners: 0 });
    }
  });

  it('refuses options that a backbone cannot honour', async () => {
    for (const option of ['pull', 'configure', 'heads', 'detectors', 'segmentationHeads']) {
      const options = { weights, [option]: {} } as never;
      const error = await rejection(createBackbone(backbone, options));
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.message).to.contain(`unknown option "${option}"`);
    }
  });

  it('is disposed after the calls that have begun', async () => {
    const image = { shape: [1, 3, 64, 64], data: new Float32Array(3 * 64 * 64) };
    for (const engine of ['cpu', 'wasm'] as const) {
      const loaded = await createBackbone(backbone, { weights, engine });
      const pyramid = loaded.forward(image);
      await loaded.dispose();
      expect(await pyramid).to.have.length(loaded.stages.length);
      expect((await rejection(loaded.forward(image))).message).to.include('was disposed');
    }
  });

  it('gives the notices on its weights', async () => {
    const file = trainerFile({ state_dict: prefixed('model.', smallWeights(smallBoth)) });
    const loaded = await createBackbone(backbone, { weights: file, engine: countingEngine() });
    expect(loaded.notices).to.deep.equal(['Every key of the model begins with "model.", which is removed.']);
    await loaded.dispose();
  });

  it('takes the weights below a prefix, and leaves out keys that are named', async () => {
    const both = new Map([
      ...prefixed('student.', smallWeights(smallBoth, 'a')),
      ...prefixed('teacher.', smallWeights(smallBoth, 'b')),
    ]);
    const error = await rejection(createBackbone(backbone, { weights: trainerFile(both), engine: countingEngine() }));
    expect(error.message).to.contain('"student." and "teacher."');
    const extra = new Map([...both, ['student.backbone.extra', { shape: [1], data: new Float32Array(1) }] as const]);
    const options = { weights: trainerFile(extra), prefix: 'student.', ignore: ['extra'] };
    const loaded = await createBackbone(backbone, { ...options, engine: countingEngine() });
    await loaded.dispose();
  });
});

describe('memory of weights', () => {
  /** An engine that notes the arrays that it was given. */
  const noting = (copiesWeights: boolean) => {
    const given: NDArray[] = [];
    let values = 0;
    const load = async ({ weights }: Program) => {
      for (const array of weights.values()) {
        given.push(array);
        values += array.data.length;
      }
      return { run: async () => ({}), dispose: () => {} };
    };
    const engine: Engine = { name: 'noting', detail: '', copiesWeights, load, dispose: async () => {} };
    return { engine, left: () => given.reduce((sum, { data }) => sum + data.length, 0), values: () => values };
  };
  let bytes: Uint8Array;
  before(async () => {
    bytes = await smallFile(smallBoth);
  });

  it('is free once an engine has copied them, and the caller’s bytes stay', async () => {
    const before = bytes.slice();
    const { sha256 } = await loadModel({ weights: bytes }, { engine: noting(false).engine });
    for (let i = 0; i < 2; i++) {
      const { engine, left, values } = noting(true);
      expect((await loadModel({ weights: bytes }, { engine })).sha256).to.equal(sha256);
      expect(values()).to.be.above(1000);
      expect(left()).to.equal(0);
    }
    const { engine, left, values } = noting(true);
    await createBackbone(smallBoth.backbone, { weights: bytes, engine });
    expect(values()).to.be.above(1000);
    expect(left()).to.equal(0);
    expect(bytes).to.deep.equal(before);
  });

  it('stays with an engine that keeps them', async () => {
    const { engine, left, values } = noting(false);
    await loadModel({ weights: bytes }, { engine });
    expect(left()).to.equal(values());
  });

  it('stays the caller’s if he loads a part himself, without what the passes made', async () => {
    const { definition, weights } = await readModel({ weights: bytes });
    const { engine, left, values } = noting(true);
    await loadPart(engine, definition.pyramid, weights);
    expect(left()).to.be.within(1, values() - 1);
    expect([...weights.values()].every(({ data }) => data.length > 0)).to.equal(true);
    const bare = noting(true);
    await loadPart(bare.engine, definition.pyramid, weights, await loadPasses());
    expect(bare.left(), 'passes that he names').to.equal(bare.values());
  });
});

describe('the hash of weights', () => {
  it('ends before the next tensor if it is aborted', async () => {
    const reason = new Error('enough');
    expect(await rejection(weightsHash(smallWeights(smallBoth), AbortSignal.abort(reason)))).to.equal(reason);
  });

  it('does not outlive a load that is aborted while the engine starts', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const engine = countingEngine(() => controller.abort(reason));
    const loading = loadModel({ weights: await smallFile(smallBoth) }, { engine, signal: controller.signal });
    expect(await rejection(loading)).to.equal(reason);
    expect(engine.held).to.deep.equal({ engines: 0, runners: 0 });
  });
});

describe('loading', () => {
  const reason = new Error('enough');
  /** A platform whose file answers after `wait` milliseconds, and an abort soon after the start. */
  const slow = async (wait: (ms: () => void) => void, opening = false) => {
    const bytes = await smallFile(smallBoth);
    let closed = 0;
    const later = () => new Promise<void>((resolve) => wait(resolve));
    const source = {
      ...bytesSource(bytes),
      read: async (offset: number, length: number) => {
        if (!opening) await later();
        return bytes.subarray(offset, offset + length);
      },
      close: async () => void closed++,
    };
    const openWeights = async () => {
      if (opening) await later();
      return source;
    };
    return { read: modelReader({ openWeights } as unknown as Platform), closed: () => closed };
  };

  it('ends at once with the signal’s reason where a file never answers, and closes it', async () => {
    const { read, closed } = await slow(() => {});
    const controller = new AbortController();
    const loading = rejection(read({ weights: 'x.safetensors' }, { signal: controller.signal }));
    setTimeout(() => controller.abort(reason), 20);
    expect(await loading).to.equal(reason);
    expect(closed()).to.equal(1);
  });

  it('closes a file that opens after the abort', async () => {
    let answer = () => {};
    const { read, closed } = await slow((resolve) => {
      answer = resolve;
    }, true);
    const controller = new AbortController();
    const loading = rejection(read({ weights: 'x.safetensors' }, { signal: controller.signal }));
    controller.abort(reason);
    expect(await loading).to.equal(reason);
    answer();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(closed()).to.equal(1);
  });

  it('gives the thread back between tensors, so that a timer can abort it', async () => {
    const weights = await smallFile(smallBoth);
    const controller = new AbortController();
    const busy = ({ stage }: Progress) => {
      if (stage !== 'weights') return;
      for (const end = performance.now() + 60; performance.now() < end; ); // a tensor that takes long
    };
    setTimeout(() => controller.abort(reason), 30);
    const loading = readModel({ weights }, { signal: controller.signal, onProgress: busy });
    expect(await rejection(loading)).to.equal(reason);
  });
});
