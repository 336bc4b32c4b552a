import { element } from '../elements.ts';
import { scoreHistogram, shownInstances } from '../stage/layers.ts';
import type { Stage } from '../stage/stage.ts';
import { counted, scoreText } from '../stage/words.ts';
import { leastScore } from '../state.ts';

/** The slider of the score, under a histogram of the scores. It filters what is there; the network is not asked again. */

const bins = 40;

export function createScoreSlider(stage: Stage): HTMLElement {
  const { layers } = stage;
  const range = { type: 'range', min: leastScore, max: 1, step: 0.01 };
  const input = element('input', { id: 'score', ...range, 'aria-describedby': 'score-shown' });
  const value = element('output', { for: 'score', class: 'number' });
  const shown = element('p', { id: 'score-shown', class: 'small' });
  const histogram = element('div', { class: 'histogram', 'aria-hidden': 'true' });
  const bars = Array.from({ length: bins }, () => element('span'));
  histogram.append(...bars);
  const label = element('label', { for: 'score' }, 'Score at least ');
  const root = element('div', { class: 'score' });
  root.append(element('div', { class: 'spread' }, label, value), histogram, input, shown);

  input.oninput = () => layers.set({ score: Number(input.value) });

  function showScore(): void {
    const { score } = layers.state;
    if (Number(input.value) !== score) input.value = String(score);
    value.textContent = scoreText(score);
    for (const [i, bar] of bars.entries()) bar.classList.toggle('below', i + 1 <= score * bins);
    const { result } = stage;
    if (!result) return;
    const count = shownInstances(result, layers.state).length;
    shown.textContent =
      count === result.length ? counted(count, 'instance') : `${count} of ${counted(result.length, 'instance')}`;
  }

  stage.onResult((result) => {
    if (!result) return;
    const counts = scoreHistogram(result.scores, bins);
    const most = Math.max(1, ...counts);
    // by the root, since low scores are many and the few high ones matter
    for (const [i, bar] of bars.entries()) bar.style.height = `${100 * Math.sqrt((counts[i] ?? 0) / most)}%`;
    showScore();
  });
  layers.subscribe((state, before) => {
    if (state.score !== before.score || state.hidden !== before.hidden) showScore();
  });
  return root;
}
