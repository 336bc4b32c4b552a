import { createSession } from './session.ts';

// the session comes first: its entry of the library keeps zod from trying `eval`, which the policy forbids, before a schema is made

import { connectAnnouncements } from './announce.ts';
import { connectComparison } from './compare.ts';
import { find } from './elements.ts';
import { connectInputs } from './inputs.ts';
import { connectKeys } from './keys.ts';
import { demo } from './models.ts';
import { keepFiles, keepOffline } from './offline.ts';
import { createPanel } from './panel/panel.ts';
import { connectSettings } from './settings.ts';
import { createStage } from './stage/stage.ts';
import { createStore } from './state.ts';
import { connectTheme } from './theme.ts';

/** The page: puts its pieces together, then shows a sample by itself. */

const asked = new URLSearchParams(location.search);
const store = createStore({
  waits: {},
  size: Number(asked.get('size') ?? 320),
  engine: asked.get('engine') ?? 'auto',
  boxes: [],
  live: false,
});
const session = createSession(store);
const { next } = connectTheme();
const stage = createStage(find('stage', HTMLElement));
createPanel(find('panel', HTMLElement), stage);
connectAnnouncements(store, session, stage);
const inputs = connectInputs(store, session);
connectSettings(store, session, inputs);
connectComparison(store, session);
connectKeys(store, session, inputs, next);

stage.onBox((box) => {
  store.set({ boxes: box ? [...store.state.boxes, box] : [] });
  void session.again();
});
store.on(['picture', 'result'], ({ picture, result, boxes }) =>
  stage.show(picture?.bitmap, result, picture?.name, boxes.length > 0),
);

const loaded = session.load(demo);
if (asked.get('sample') !== 'none') void inputs.openSample(0);
void loaded.then(keepOffline);

/** The large files of the engines, which were loaded before the service worker ran. */
const engineFiles: Readonly<Record<string, string>> = {
  'ort-wasm': 'ort/ort-wasm-simd-threaded',
  webgpu: 'ort/ort-wasm-simd-threaded.asyncify',
};
store.on(['model'], ({ model }) => {
  const files = engineFiles[model?.engine ?? ''];
  if (files !== undefined) void keepFiles([`${files}.mjs`, `${files}.wasm`]);
});
