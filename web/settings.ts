import { element, find } from './elements.ts';
import type { Inputs } from './inputs.ts';
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
export function connectSettings(store: Store, session: Session, { choose, chooseDetector }: Inputs): void {
  const size = element('input', {
    type: 'range',
    id: 'size',
    min: `${sizes.least}`,
    max: `${sizes.most}`,
    step: `${sizes.step}`,
    'aria-describedby': 'size-hint',
  });
  const sizeText = element('output', { for: 'size' });
  size.oninput = () => store.set({ size: Number(size.value) });
  size.onchange = () => void session.again();
  store.on(['size'], ({ size: edge }) => {
    size.value = `${edge}`;
    sizeText.textContent = `${edge} px`;
    size.setAttribute('aria-valuetext', `${edge} pixels`);
  });

  const engine = element(
    'select',
    { id: 'engine', 'aria-describedby': 'engine-hint' },
    ...Object.entries(engines).map(([name, text]) => element('option', { value: name }, `${name}: ${text}`)),
  );
  engine.onchange = () => void session.useEngine(engine.value);
  const engineHint = element('p', { id: 'engine-hint', class: 'small', role: 'status' });

  const modelName = element('strong');
  const card = element('ul', { class: 'small' });
  const promised = element('details', { class: 'small' }, element('summary', {}, 'All classes that its heads have'));
  const classes = element('div');
  promised.append(classes);
  const back = element('button', { type: 'button', onclick: () => void session.load(demo) }, 'Back to the demo');
  const open = element('button', { type: 'button', onclick: choose }, 'Open your own checkpoint');
  const detect = element('button', { type: 'button', onclick: chooseDetector }, 'Find persons with a detector');
  const alone = element(
    'button',
    { type: 'button', onclick: () => void session.useDetector(undefined) },
    'Without the detector',
  );
  const detectorName = element('p', { class: 'small' });

  const detail = element(
    'div',
    {},
    element('div', { class: 'row' }, element('label', { for: 'size' }, 'Detail'), sizeText),
    size,
    element(
      'p',
      { id: 'size-hint', class: 'small' },
      'Edge of the picture for the network. Less is faster, more finds smaller things.',
    ),
  );

  store.on(['engine', 'model'], ({ engine: chosen, model }) => {
    engine.value = chosen;
    engineHint.textContent = model ? hintOf(model, chosen) : 'No engine has started yet.';
    modelName.textContent = model?.name ?? 'not loaded yet';
    back.hidden = model === undefined || model.name === demo.name;
    promised.hidden = model === undefined;
    card.replaceChildren(...(model?.card ?? []).map((sentence) => element('li', {}, sentence)));
    classes.replaceChildren(...classLists(model));
    const isPose = model?.classes.pose !== undefined;
    detail.hidden = isPose; // its crops have one size
    detect.hidden = !isPose;
    detectorName.hidden = alone.hidden = model?.detector === undefined;
    detectorName.textContent = `The boxes come from ${model?.detector}.`;
  });

  find('settings', HTMLElement).append(
    element('h2', {}, 'Settings'),
    detail,
    element('label', { for: 'engine' }, 'Engine'),
    engine,
    engineHint,
    element('p', { class: 'row' }, 'Model', modelName),
    card,
    promised,
    detectorName,
    element('div', { class: 'buttons' }, open, back, detect, alone),
    element(
      'p',
      { class: 'small' },
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
  pose: 'Poses',
};

function classLists(model: LoadedModel | undefined): Node[] {
  return Object.entries(model?.classes ?? {}).map(([task, names = []]) =>
    element('p', {}, element('b', {}, `${taskTitles[task] ?? task} (${names.length}): `), names.join(', ')),
  );
}
