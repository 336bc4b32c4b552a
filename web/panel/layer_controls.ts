import { element } from '../elements.ts';
import type { ColorBy, Labels, LayerName, LayersState } from '../stage/layers.ts';
import type { Stage } from '../stage/stage.ts';

/** Which layers are seen, and how strong. */
export function createLayerControls(stage: Stage): HTMLElement {
  const { layers } = stage;
  const root = element('fieldset', { class: 'layers' });
  const rows = (['masks', 'boxes', 'poses', 'segmentation'] as const).map((name) => rowOf(stage, name));
  const labels = choiceOf<Labels>('Labels', { few: 'a few', all: 'all', none: 'none' }, (value) =>
    layers.set({ labels: value }),
  );
  const colors = choiceOf<ColorBy>('Colours by', { class: 'class', instance: 'instance' }, (value) =>
    layers.set({ colorBy: value }),
  );
  const choices = element('div', { class: 'buttons' }, labels.root, colors.root);
  root.append(element('legend', {}, 'Layers'), ...rows.map((row) => row.root), choices);

  const show = (state: LayersState) => {
    for (const row of rows) row.show(state);
    labels.show(state.labels);
    colors.show(state.colorBy);
  };
  stage.onResult((result) => {
    if (!result) return;
    const [masks, boxes, poses, segmentation] = rows;
    const hasInstances = result.classes.length > 0;
    root.hidden = !hasInstances && !result.segmentation && !result.poses;
    if (masks) masks.root.hidden = !result.masks;
    if (boxes) boxes.root.hidden = !hasInstances;
    if (poses) poses.root.hidden = !result.poses;
    if (segmentation) segmentation.root.hidden = !result.segmentation;
    choices.hidden = !hasInstances;
    show(layers.state);
  });
  layers.subscribe(show);
  show(layers.state);
  return root;
}

const titles: Readonly<Record<LayerName, string>> = {
  masks: 'Masks',
  boxes: 'Boxes',
  poses: 'Poses',
  segmentation: 'Segmentation',
};

function rowOf({ layers }: Stage, name: LayerName) {
  const box = element('input', { type: 'checkbox' });
  const opacity = element('input', {
    type: 'range',
    min: 5,
    max: 100,
    'aria-label': `Opacity of ${titles[name].toLowerCase()}`,
  });
  const root = element('div', { class: 'layer' }, element('label', {}, box, titles[name]), opacity);
  box.onchange = () => layers.set({ [name]: { ...layers.state[name], visible: box.checked } });
  opacity.oninput = () => layers.set({ [name]: { visible: true, opacity: Number(opacity.value) / 100 } });
  return {
    root,
    show(state: LayersState) {
      const layer = state[name];
      box.checked = layer.visible;
      opacity.value = String(Math.round(100 * layer.opacity));
      opacity.ariaValueText = `${opacity.value} %`;
      root.classList.toggle('off', !layer.visible);
    },
  };
}

function choiceOf<Value extends string>(
  title: string,
  words: Readonly<Record<Value, string>>,
  choose: (value: Value) => void,
) {
  const select = element('select');
  const values = Object.keys(words) as Value[];
  select.append(...values.map((value) => element('option', { value }, words[value])));
  select.onchange = () => {
    const value = values[select.selectedIndex];
    if (value) choose(value);
  };
  return {
    root: element('label', { class: 'choice' }, title, select),
    show(value: Value) {
      select.value = value;
    },
  };
}
