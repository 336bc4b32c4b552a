import { expect } from 'chai';
import { EngineError, ImageError, type Result } from 'moganet';
import type { Session } from '../../web/session.ts';
import { createStore, type Store } from '../../web/state.ts';
import type { Webcam } from '../../web/webcam.ts';
import { smallPose } from '../harness/small_model.ts';

/** The session of the page with a library and pictures that a test lets go when it wants. */

type CreateSession = typeof import('../../web/session.ts').createSession;
type CreateWebcam = typeof import('../../web/webcam.ts').createWebcam;

const first = { waits: {}, size: 32, engine: 'auto', live: false, boxes: [] };
const source = { name: 'small', ref: { config: 'facade' }, card: [] };

/** Lets everything run that waits for nothing from outside. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('the session of the page', () => {
  let createSession: CreateSession;
  let createWebcam: CreateWebcam;
  let store: Store;
  let session: Session;
  const globals = globalThis as Record<string, unknown>;
  const former = {
    createImageBitmap: globals.createImageBitmap,
    Image: globals.Image,
    setTimeout: globalThis.setTimeout,
  };
  /** The size that files state. */
  let stated: { readonly naturalWidth: number; readonly naturalHeight: number };
  /** Texts of files that were decoded. */
  let decoded: string[];
  /** Bitmaps that were closed. */
  const closed = new Set<unknown>();
  /** Lets pictures come, by the text of their file. */
  let arrivals: Map<string, () => void>;
  /** What the model answers, by engine. */
  let answers: Record<string, (options?: unknown) => Promise<Result>>;

  /** Why no more models can be loaded. */
  let refused: Error | undefined;
  /** How many models are loaded and not freed. */
  let held = 0;
  /** Why no model can be freed. */
  let stuck: Error | undefined;

  const picture = (text: string) => new Blob([text]);
  const resultOf = (name: string) => ({ name }) as unknown as Result;

  before(async () => {
    globals.document = { baseURI: 'https://page.example/' };
    ({ createSession } = await import('../../web/session.ts'));
    ({ createWebcam } = await import('../../web/webcam.ts'));
  });
  after(() => {
    Reflect.deleteProperty(globals, 'document');
  });
  beforeEach(async () => {
    closed.clear();
    arrivals = new Map();
    answers = { auto: async () => resultOf('found') };
    stated = { naturalWidth: 640, naturalHeight: 480 };
    decoded = [];
    globals.Image = class {
      onload = () => {};
      set src(_: string) {
        Object.assign(this, stated);
        setImmediate(() => this.onload());
      }
    };
    globals.createImageBitmap = async (file: Blob) => {
      const text = await file.text();
      decoded.push(text);
      if (text.startsWith('slow')) await new Promise<void>((resolve) => arrivals.set(text, resolve));
      const bitmap: unknown = { text, close: () => closed.add(bitmap) };
      return bitmap;
    };
    // a bitmap is freed a second after it left the stage: here at once
    globals.setTimeout = (run: () => void) => former.setTimeout(run, 0);
    store = createStore(first);
    refused = stuck = undefined;
    held = 0;
    const facts: Record<string, object> = {
      pose: { classes: { pose: ['person'] }, config: smallPose },
      persons: { classes: { detection: ['person'] }, config: {} },
      street: { classes: { detection: ['window', 'car'] }, config: {} },
      ground: { classes: { segmentation: ['sky'] }, config: {} },
    };
    const load = async ({ config }: { readonly config: string }, { engine = 'auto' } = {}) => {
      if (refused) throw refused;
      held++;
      return { ...modelOn(engine), ...facts[config] };
    };
    const modelOn = (engine: string) => ({
      engine: { name: engine },
      notices: [],
      classes: {},
      check: (options: unknown) => options,
      predict: (_: unknown, options: unknown) => (answers[engine] ?? answers.auto)?.(options),
      dispose: async () => {
        if (stuck) throw stuck;
        held--;
      },
    });
    session = createSession(store, load as unknown as Parameters<CreateSession>[1]);
    await session.load(source);
  });
  afterEach(() => Object.assign(globals, former));

  it('keeps the last picture with its result when the next one fails', async () => {
    await session.open(picture('a'), 'a.jpg');
    const { picture: shown, result } = store.state;
    answers.auto = async () => {
      throw new ImageError('this one cannot be read.');
    };
    await session.open(picture('b'), 'b.jpg');
    await settled();
    expect(store.state.notice?.text).to.equal('b.jpg: this one cannot be read.');
    expect([store.state.picture, store.state.result]).to.deep.equal([shown, result]);
    expect(closed.has(shown?.bitmap), 'the bitmap on the stage').to.equal(false);
    expect([...closed].map((one) => (one as { text: string }).text)).to.deep.equal(['b']);
  });

  it('shows the picture that was opened last, whichever the browser decodes first', async () => {
    const slow = session.open(picture('slow'), 'slow.jpg');
    await session.open(picture('b'), 'b.jpg');
    arrivals.get('slow')?.();
    await slow;
    await settled();
    expect(store.state.picture?.name).to.equal('b.jpg');
    expect([...closed].map((one) => (one as { text: string }).text)).to.deep.equal(['slow']);
  });

  it('names the engine that it went on with, and not one on which nothing can run', async () => {
    await session.useEngine('webgl');
    answers.webgl = async () => {
      throw new EngineError('the graphics device was lost.');
    };
    await session.open(picture('a'), 'a.jpg');
    expect(store.state.notice?.text).to.equal('the graphics device was lost. Now the page computes on auto.');
    await session.useEngine('wasm');
    answers.wasm = async () => {
      refused = new EngineError('no engine can start.');
      throw new EngineError('wasm failed.');
    };
    await session.again();
    expect(store.state.notice?.text).to.equal('wasm failed. No engine takes over: no engine can start.');
  });

  it('refuses a picture that states too many pixels before it is decoded, in words for a visitor', async () => {
    await session.open(picture('a'), 'a.jpg');
    const { picture: shown, result } = store.state;
    stated = { naturalWidth: 10_000, naturalHeight: 10_000 };
    await session.open(picture('huge'), 'huge.jpg');
    expect(store.state.notice?.text).to.equal(
      'huge.jpg: it has 100 megapixels, and this page takes up to 67. Save a smaller copy in an image editor, and open that.',
    );
    expect(decoded).to.deep.equal(['a']);
    expect([store.state.picture, store.state.result]).to.deep.equal([shown, result]);
  });

  it('says what the library refuses as too large without advice about code', async () => {
    answers.auto = async () => {
      const { checkPixels, imageContext } = await import('../../src/formats/context.ts');
      checkPixels('JPEG frame', { width: 10_000, height: 10_000 }, imageContext('b.jpg'));
      return resultOf('found');
    };
    await session.open(picture('b'), 'b.jpg');
    expect(store.state.notice?.text).to.match(/^b\.jpg: 10000 × 10000 pixels are 100\.0 megapixels.*smaller copy/);
    expect(store.state.notice?.text).not.to.match(/maxPixels|--max-pixels|decodeImage/);
  });

  it('goes on with a model that was loaded when the one before cannot be freed', async () => {
    await session.open(picture('a'), 'a.jpg');
    stuck = new Error('the worker is gone.');
    answers.webgl = async () => resultOf('found by webgl');
    await session.useEngine('webgl');
    const { model, engine, result, notice } = store.state;
    expect([model?.engine, engine, result]).to.deep.equal(['webgl', 'webgl', { name: 'found by webgl' }]);
    expect(notice?.kind).to.equal('info');
    expect(notice?.text).to.match(/could not be freed.*the worker is gone/);
  });

  it('frees both models if the second cannot be the detector of the first, which stays with its boxes', async () => {
    const { model } = store.state;
    const boxes = [[1, 2, 30, 40]] as const;
    store.set({ boxes });
    await session.useDetector({ ...source, name: 'ground.pth' });
    expect(store.state.boxes, 'the boxes of the result that stays').to.equal(boxes);
    expect(store.state.notice).to.deep.include({ kind: 'error' });
    expect(store.state.notice?.text).to.match(/withDetector/);
    expect(store.state.model).to.equal(model);
    expect(held).to.equal(1);
    await session.open(picture('a'), 'a.jpg');
    expect(store.state.result).to.deep.equal({ name: 'found' });
  });

  it('says in words for a visitor which detector it needs', async () => {
    await session.load({ name: 'pose', ref: { config: 'pose' }, card: [] });
    await session.useDetector({ name: 'street.pth', ref: { config: 'street' }, card: [] });
    expect(store.state.notice?.text).to.equal('street.pth finds window, car. Open a detector that finds "person".');
    await session.useDetector({ name: 'ground.pth', ref: { config: 'ground' }, card: [] });
    expect(store.state.notice?.text).to.equal('ground.pth detects no instances. Open a detector that finds "person".');
    expect(held).to.equal(1);
  });

  it('looks in boxes that are drawn on a frame of the webcam, also beside a detector', async () => {
    await session.load({ name: 'pose', ref: { config: 'pose' }, card: [] });
    await session.useDetector({ name: 'persons', ref: { config: 'persons' }, card: [] });
    expect(store.state.model?.detector).to.equal('persons');
    const boxes = [[1, 2, 30, 40]] as const;
    store.set({ live: true, boxes });
    let given: unknown;
    answers.auto = async (options) => {
      given = options;
      return resultOf('in the box');
    };
    await session.frame({ close: () => {} } as unknown as ImageBitmap);
    expect(given).to.deep.include({ boxes });
    expect(store.state.result).to.deep.equal({ name: 'in the box' });
  });

  it('keeps boxes that are drawn while a detector is loaded', async () => {
    const loading = session.useDetector(undefined);
    const boxes = [[8, 0, 16, 8]] as const;
    store.set({ boxes });
    await loading;
    expect(store.state.boxes).to.equal(boxes);
  });

  describe('with a webcam', () => {
    const formerNavigator = Object.getOwnPropertyDescriptor(globals, 'navigator');
    let webcam: Webcam;
    let permission: (stream: unknown) => void;
    let tracks: { stopped: boolean; stop(): void }[];
    const callbacks = new Map<number, () => void>();

    const streamOf = () => {
      const track = {
        stopped: false,
        stop() {
          this.stopped = true;
        },
      };
      tracks.push(track);
      return { getTracks: () => [track] };
    };

    beforeEach(() => {
      tracks = [];
      callbacks.clear();
      let last = 0;
      globals.document = {
        createElement: () => ({
          play: async () => {},
          requestVideoFrameCallback: (run: () => void) => callbacks.set(++last, run) && last,
          cancelVideoFrameCallback: (one: number) => callbacks.delete(one),
        }),
      };
      const getUserMedia = () =>
        new Promise((resolve) => {
          permission = resolve;
        });
      Object.defineProperty(globals, 'navigator', { configurable: true, value: { mediaDevices: { getUserMedia } } });
      webcam = createWebcam(store, session);
    });
    afterEach(() => {
      Reflect.deleteProperty(globals, 'navigator');
      if (formerNavigator) Object.defineProperty(globals, 'navigator', formerNavigator);
    });

    it('lets the camera go that it was given after it was stopped', async () => {
      const starting = webcam.start();
      webcam.stop();
      permission(streamOf());
      await starting;
      expect([store.state.live, tracks[0]?.stopped, callbacks.size]).to.deep.equal([false, true, 0]);
    });

    it('takes each frame once, also after it was stopped and started', async () => {
      for (let i = 0; i < 3; i++) {
        const starting = webcam.start();
        permission(streamOf());
        await starting;
        expect([store.state.live, callbacks.size]).to.deep.equal([true, 1]);
        webcam.stop();
      }
      expect(tracks.map(({ stopped }) => stopped)).to.deep.equal([true, true, true]);
    });
  });
});
