import { connectAnnouncements } from './announce.ts';
import { find } from './elements.ts';
import { connectInputs } from './inputs.ts';
import { connectKeys } from './keys.ts';
import { demo } from './models.ts';
import { keepOffline } from './offline.ts';
import { createSession } from './session.ts';
import { connectSettings } from './settings.ts';
import { createStore } from './state.ts';
import { connectTheme } from './theme.ts';

/** The page: puts its pieces together, then shows a sample by itself. */

const asked = new URLSearchParams(location.search);
const store = createStore({
  waits: {},
  size: Number(asked.get('size') ?? 320),
  engine: asked.get('engine') ?? 'auto',
  live: false,
});
const session = createSession(store);
const { next } = connectTheme();
connectAnnouncements(store, session);
const inputs = connectInputs(store, session);
connectSettings(store, session, inputs.choose);
connectKeys(store, session, inputs, next);

store.on(['picture', 'result'], ({ picture, result }) => {
  const canvas = document.createElement('canvas');
  if (!picture) return;
  canvas.width = picture.bitmap.width;
  canvas.height = picture.bitmap.height;
  canvas.getContext('2d')?.drawImage(picture.bitmap, 0, 0);
  if (result) {
    const { data, width, height } = result.render();
    canvas.getContext('2d')?.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  }
  find('stage', HTMLElement).replaceChildren(canvas);
});

const loaded = session.load(demo);
if (asked.get('sample') !== 'none') void inputs.openSample(0);
void loaded.then(keepOffline);
