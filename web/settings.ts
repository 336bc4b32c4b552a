import { find, make } from './elements.ts';
import { demo } from './models.ts';
import type { Session } from './session.ts';
import type { LoadedModel, Store } from './state.ts';

/** The settings: size for the network, engine, model. */

/** What the page knows of each engine before it has tried it. */
const engines: Readonly<Record<string, string>> = {
  auto: 'the fastest that works here',
  webgpu: 'graphics, onnxruntime',
  'ort-wasm': 'processor, onnxruntime',
  webgl: 'graphics, TensorFlow.js',
  wasm: 'processor, TensorFlow.js',
  cpu: 'plain JavaScript, very slow',
};

/** Sizes that the slider offers, in pixels. */
export const sizes = { least: 192, most: 800, step: 32 } as const;

/** Fills the section of settings. */
export function connectSettings(store: Store, session: Session, openFiles: () => void): void {
  const size = make('input', {
    type: 'range',
    id: 'size',
    min: `${sizes.least}`,
    max: `${sizes.most}`,
    step: `${sizes.step}`,
    'aria-describedby': 'size-hint',
  });
  const sizeText = make('output', { htmlFor: 'size' });
  size.oninput = () => store.set({ size: Number(size.value) });
  size.onchange = () => void session.again();
  store.on(['size'], ({ size: edge }) => {
    size.value = `${edge}`;
    sizeText.textContent = `${edge} px`;
    size.setAttribute('aria-valuetext', `${edge} pixels`);
  });

  const engine = make(
    'select',
    { id: 'engine', 'aria-describedby': 'engine-hint' },
    ...Object.entries(engines).map(([name, text]) => make('option', { value: name }, `${name}: ${text}`)),
  );
  engine.onchange = () => void session.useEngine(engine.value);
  const engineHint = make('p', { id: 'engine-hint', className: 'small', role: 'status' });

  const modelName = make('strong');
  const card = make('ul', { className: 'small' });
  const promised = make('details', { className: 'small' }, make('summary', {}, 'All classes that its heads have'));
  const classes = make('div');
  promised.append(classes);
  const back = make('button', { type: 'button', onclick: () => void session.load(demo) }, 'Back to the demo');
  const open = make('button', { type: 'button', onclick: openFiles }, 'Open your own checkpoint');

  store.on(['engine', 'model'], ({ engine: chosen, model }) => {
    engine.value = chosen;
    engineHint.textContent = model ? hintOf(model, chosen) : 'No engine has started yet.';
    modelName.textContent = model?.name ?? 'not loaded yet';
    back.hidden = model === undefined || model.name === demo.name;
    promised.hidden = model === undefined;
    card.replaceChildren(...(model?.card ?? []).map((sentence) => make('li', {}, sentence)));
    classes.replaceChildren(...classLists(model));
  });

  find('settings', HTMLElement).append(
    make('h2', {}, 'Settings'),
    make('div', { className: 'row' }, make('label', { htmlFor: 'size' }, 'Detail'), sizeText),
    size,
    make(
      'p',
      { id: 'size-hint', className: 'small' },
      'Edge of the picture for the network. Less is faster, more finds smaller things.',
    ),
    make('label', { htmlFor: 'engine' }, 'Engine'),
    engine,
    engineHint,
    make('p', { className: 'row' }, 'Model', modelName),
    card,
    promised,
    make('div', { className: 'buttons' }, open, back),
    make(
      'p',
      { className: 'small' },
      'A .pth or .safetensors file; if it is not of a published model, with its configuration (.json).',
    ),
  );
}

/** `auto` is never silent: says what it took and what it passed over. */
function hintOf({ engine, detail, hint }: LoadedModel, chosen: string): string {
  const runs = `${chosen === 'auto' ? 'auto took' : 'Runs on'} ${engine}${detail ? ` (${detail})` : ''}.`;
  return hint === undefined ? runs : `${runs} ${hint}`;
}

const taskTitles: Readonly<Record<string, string>> = {
  detection: 'Instances',
  segmentation: 'Segmentation',
  classification: 'Classification',
};

function classLists(model: LoadedModel | undefined): Node[] {
  return Object.entries(model?.classes ?? {}).map(([task, names = []]) =>
    make('p', {}, make('b', {}, `${taskTitles[task] ?? task} (${names.length}): `), names.join(', ')),
  );
}
