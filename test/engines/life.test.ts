import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { newLife } from '../../src/engines/life.ts';
import type { OnnxRuntime } from '../../src/engines/onnx/engine.ts';
import { guarded, lifeOf, withoutAbandoned } from '../../src/engines/onnx/guard.ts';
import { EngineError } from '../../src/errors.ts';
import { rejection } from '../harness/rejection.ts';

/** The device of an engine may end for good. The devices here are pretended; test/engines/browser_loss.alone.slow.test.ts has real ones. */

const gone = new EngineError('the device is gone.');
const never = new Promise<never>(() => {});

async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve)); // a WeakRef keeps its target until the task ends
    collect();
  }
}

describe('the life of a device', () => {
  it('ends for all who wait and for all who come later, with the first reason', async () => {
    const life = newLife();
    expect(life.loss()).to.equal(undefined);
    expect(await life.wait(Promise.resolve(3))).to.equal(3);
    expect((await rejection(life.wait(Promise.reject(new Error('no'))))).message).to.equal('no');
    const waiting = [rejection(life.wait(never)), rejection(life.wait(never))];
    life.end(gone);
    life.end(new EngineError('again'));
    expect(await Promise.all(waiting)).to.deep.equal([gone, gone]);
    expect(life.loss()).to.equal(gone);
    expect(await rejection(life.wait(Promise.resolve(3)))).to.equal(gone);
  });

  it('keeps nothing that was waited for', async () => {
    const life = newLife();
    const result = async () => new WeakRef(await life.wait(Promise.resolve(new Float32Array(1e6))));
    const [first, second] = [await result(), await result()];
    await collectGarbage();
    expect([first.deref(), second.deref()]).to.deep.equal([undefined, undefined]);
    expect(life.loss()).to.equal(undefined);
  });
});

/** A runtime whose runs are these, one after the other. */
const runtimeOf = (...runs: (() => Promise<never>)[]): OnnxRuntime =>
  ({
    Tensor: class {},
    InferenceSession: {
      create: async () => ({ run: () => runs.shift()?.() ?? {}, release: async () => {} }),
    },
  }) as unknown as OnnxRuntime;

describe('a guarded onnxruntime-web', () => {
  const sessionOf = (ort: OnnxRuntime, module: object, device = newLife()) =>
    guarded(ort, { name: 'webgpu', module, device }).InferenceSession.create(new Uint8Array());

  it('leaves a call on a lost device, and lets the next one in when it has come back', async () => {
    const [module, device] = [{}, newLife()];
    let comeBack = (_: Error): void => {};
    const run = new Promise<never>((_, reject) => {
      comeBack = reject;
    });
    const session = await sessionOf(
      runtimeOf(() => run),
      module,
      device,
    );
    const running = rejection(session.run({}, []));
    device.end(gone);
    expect(await running).to.equal(gone);
    let isIn = false;
    const next = withoutAbandoned(module).then(() => {
      isIn = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isIn).to.equal(false);
    comeBack(new Error('mapAsync failed'));
    await next;
    expect(lifeOf(module).loss()).to.equal(undefined);
    expect(await rejection(session.run({}, []))).to.equal(gone);
    await session.release(); // which does not ask the dead one
  });

  it('ends the module if the call does not come back', async () => {
    const [module, device] = [{}, newLife()];
    const session = await sessionOf(
      runtimeOf(() => never),
      module,
      device,
    );
    const running = rejection(session.run({}, []));
    device.end(gone);
    await running;
    await withoutAbandoned(module);
    expect(lifeOf(module).loss()?.message).to.match(/does not come back.*Load the page or worker again/);
    const other = await rejection(sessionOf(runtimeOf(), module));
    expect(other.message).to.match(/does not come back/);
  });

  it('ends module and device at a trap, and at no other error', async () => {
    const [module, device] = [{}, newLife()];
    const trap = Object.assign(new Error('unreachable'), { name: 'RuntimeError' });
    const ort = runtimeOf(
      () => Promise.reject(new Error('a shape')),
      () => Promise.reject(trap),
    );
    const session = await sessionOf(ort, module, device);
    expect((await rejection(session.run({}, []))).message).to.equal('a shape');
    expect(device.loss()).to.equal(undefined);
    const error = await rejection(session.run({}, []));
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.match(/^webgpu: the WebAssembly of onnxruntime-web failed: unreachable/);
    expect(error.cause).to.equal(trap);
    expect([device.loss(), lifeOf(module).loss()]).to.deep.equal([error, error]);
  });
});
