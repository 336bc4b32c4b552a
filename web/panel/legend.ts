import type { Result } from 'moganet';
import { classShares, colorFor } from 'moganet/render';
import { element } from '../elements.ts';
import { cssColor } from '../stage/shapes.ts';
import type { Stage } from '../stage/stage.ts';
import { percent } from '../stage/words.ts';
import { keepFocus } from './focus.ts';

/** The classes of the segmentation with their shares. A row lights its class on the picture; a click keeps it lit. */
export function createSegmentationLegend(stage: Stage): HTMLElement {
  const { layers } = stage;
  const list = element('ul', { class: 'legend', 'aria-labelledby': 'legend-title' });
  const root = element('section', { 'aria-labelledby': 'legend-title', hidden: true });
  root.append(element('h2', { id: 'legend-title' }, 'Segmentation'), list);
  let kept: number | undefined;
  let rows: { readonly label: number; readonly button: HTMLButtonElement }[] = [];

  function build({ labels, classes, dataset }: NonNullable<Result['segmentation']>): void {
    rows = [];
    kept = undefined;
    list.replaceChildren(
      ...classShares(labels, classes).map(({ label, name, share }) => {
        const button = element('button', {
          type: 'button',
          class: 'segment',
          'aria-pressed': 'false',
          'data-label': label,
        });
        const bar = element('span', { class: 'bar' });
        bar.style.setProperty('--part', `${100 * share}%`);
        const number = element('span', { class: 'number' }, percent(share));
        button.append(element('i', { class: 'swatch' }), element('span', {}, name), number, bar);
        button.style.setProperty('--color', cssColor(colorFor(label, dataset?.colors)));
        const light = () => layers.set({ litSegment: label });
        const dim = () => layers.set({ litSegment: kept });
        button.onpointerenter = ({ pointerType }) => pointerType !== 'touch' && light();
        button.onpointerleave = dim;
        button.onfocus = () => button.matches(':focus-visible') && light();
        button.onblur = dim;
        button.onclick = () => {
          kept = kept === label ? undefined : label;
          const { segmentation } = layers.state;
          // one light at a time
          layers.set({ litSegment: kept, selected: undefined, segmentation: { ...segmentation, visible: true } });
          for (const row of rows) row.button.ariaPressed = String(row.label === kept);
        };
        rows.push({ label, button });
        return element('li', {}, button);
      }),
    );
  }

  stage.onResult((result) => {
    if (!result) return;
    root.hidden = !result.segmentation;
    const { segmentation } = result;
    if (segmentation) keepFocus(list, 'data-label', () => build(segmentation));
  });
  return root;
}
