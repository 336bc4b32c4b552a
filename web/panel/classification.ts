import { element } from '../elements.ts';
import type { Stage } from '../stage/stage.ts';
import { percent } from '../stage/words.ts';

/** The likeliest classes of the whole picture, best first. */
export function createClassification(stage: Stage): HTMLElement {
  const list = element('ol', { 'aria-labelledby': 'classification-title' });
  const root = element('section', { 'aria-labelledby': 'classification-title', hidden: true });
  root.append(element('h2', { id: 'classification-title' }, 'Classification'), list);

  stage.onResult((result) => {
    if (!result) return;
    const { classification } = result;
    root.hidden = !classification;
    if (!classification) return;
    const { labels, scores, classes } = classification;
    list.replaceChildren(
      ...Array.from(labels, (label, i) => {
        const score = scores[i] ?? 0;
        const bar = element('span', { class: 'bar' });
        bar.style.setProperty('--part', `${100 * score}%`);
        bar.style.setProperty('--color', 'var(--accent)');
        const name = element('span', {}, classes[label] ?? `class ${label}`);
        return element('li', { class: 'likely' }, name, element('span', { class: 'number' }, percent(score)), bar);
      }),
    );
  });
  return root;
}
