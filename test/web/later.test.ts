import { expect } from 'chai';
import { createLater } from '../../web/stage/later.ts';

describe('what waits until the picture is seen', () => {
  const globals = globalThis as Record<string, unknown>;
  const { requestAnimationFrame, setTimeout } = globalThis;
  let frames: (() => void)[];
  let tasks: (() => void)[];
  let done: string[];

  const steps = (...names: string[]) => names.map((name) => () => void done.push(name));
  const frame = () => {
    for (const callback of frames.splice(0)) callback();
  };
  const task = () => tasks.shift()?.();

  beforeEach(() => {
    [frames, tasks, done] = [[], [], []];
    globals.requestAnimationFrame = (callback: () => void) => frames.push(callback);
    globals.setTimeout = (callback: (...values: unknown[]) => void, _: number, ...values: unknown[]) =>
      tasks.push(() => callback(...values));
  });
  afterEach(() => Object.assign(globals, { requestAnimationFrame, setTimeout }));

  it('runs after the frame, one step per task', () => {
    createLater(() => steps('a', 'b')).run();
    expect(tasks).to.have.length(0);
    frame();
    expect(done).to.deep.equal([]);
    task();
    expect(done).to.deep.equal(['a']);
    task();
    task();
    expect([done, frames, tasks]).to.deep.equal([['a', 'b'], [], []]);
  });

  it('gives every step its turn when it is called more often than a round takes', () => {
    const later = createLater(() => steps('a', 'b', 'c'));
    for (let i = 0; i < 12; i++) {
      later.run();
      frame();
      task();
    }
    expect(done.join('')).to.match(/^abcabc/);
  });

  it('goes on after a step that throws', () => {
    const throws = () => {
      throw new Error('one part of the panel failed');
    };
    const later = createLater(() => [throws, ...steps('a')]);
    for (let i = 0; i < 2; i++) {
      later.run();
      frame();
      expect(() => task()).to.throw('one part');
      task();
      task();
    }
    expect(done).to.deep.equal(['a', 'a']);
  });

  it('leaves out what waits when it is cancelled', () => {
    const later = createLater(() => steps('a', 'b'));
    later.run();
    frame();
    task();
    later.run();
    later.cancel();
    frame();
    while (tasks.length > 0) task();
    expect(done).to.deep.equal(['a']);
    later.run();
    later.cancel();
    later.run();
    frame();
    while (tasks.length > 0) task();
    expect(done).to.deep.equal(['a', 'a', 'b']);
  });
});
