import type { Result } from 'moganet';
import { colorFor } from 'moganet/render';
import { element } from '../elements.ts';
import { classCounts } from '../stage/layers.ts';
import { cssColor } from '../stage/shapes.ts';
import type { Stage } from '../stage/stage.ts';
import { keepFocus } from './focus.ts';

/** The classes of the instances: their colours and counts, shown or not. */
export function createClassFilter(stage: Stage): HTMLElement {
  const { layers } = stage;
  const list = element('ul', { class: 'chips' });
  const all = element('button', { type: 'button', class: 'quiet tiny' }, 'All');
  const none = element('button', { type: 'button', class: 'quiet tiny' }, 'None');
  const buttons = element('span', {}, all, none);
  const title = element('div', { class: 'spread' }, element('h3', { id: 'classes-title' }, 'Classes'), buttons);
  const root = element('div', { role: 'group', 'aria-labelledby': 'classes-title' }, title, list);
  let rows: { readonly label: number; readonly box: HTMLInputElement; readonly count: HTMLElement }[] = [];

  all.onclick = () => layers.set({ hidden: new Set() });
  none.onclick = () => layers.set({ hidden: new Set(rows.map(({ label }) => label)) });

  function rebuild(result: Result): void {
    rows = [];
    list.replaceChildren(
      ...classCounts(result, 0).map(({ label }) => {
        const box = element('input', { type: 'checkbox', class: 'unseen', 'data-label': label });
        const count = element('span', { class: 'number' });
        const name = result.classes[label] ?? `class ${label}`;
        const words = element(
          'label',
          { class: 'chip' },
          box,
          element('i', { class: 'swatch' }),
          element('span', {}, name),
          count,
        );
        words.style.setProperty('--color', cssColor(colorFor(label, result.dataset?.colors)));
        box.onchange = () => {
          const hidden = new Set(layers.state.hidden);
          if (box.checked) hidden.delete(label);
          else hidden.add(label);
          layers.set({ hidden });
        };
        const light = () => layers.set({ litClass: layers.state.hidden.has(label) ? undefined : label });
        const dim = () => layers.set({ litClass: undefined });
        words.onpointerenter = ({ pointerType }) => pointerType !== 'touch' && light();
        words.onpointerleave = dim;
        box.onfocus = () => box.matches(':focus-visible') && light();
        box.onblur = dim;
        rows.push({ label, box, count });
        return element('li', {}, words);
      }),
    );
    root.hidden = rows.length === 0;
    buttons.hidden = rows.length < 2;
    showState();
  }

  function showState(): void {
    const { result } = stage;
    if (!result) return;
    const { score, hidden } = layers.state;
    const counts = new Map(classCounts(result, score).map((one) => [one.label, one]));
    for (const { label, box, count } of rows) {
      const { above = 0, total = 0 } = counts.get(label) ?? {};
      box.checked = !hidden.has(label);
      count.textContent = above === total ? `${total}` : `${above}/${total}`;
      count.parentElement?.classList.toggle('faint', above === 0);
    }
  }

  stage.onResult((result) => {
    if (result) keepFocus(list, 'data-label', () => rebuild(result));
  });
  layers.subscribe((state, before) => {
    if (state.score !== before.score || state.hidden !== before.hidden) showState();
  });
  return root;
}
