import { element } from '../elements.ts';
import type { Stage } from '../stage/stage.ts';
import { milliseconds } from '../stage/words.ts';
import { type PartName, partWords, type RunHistory, type TimedRun, timeParts, totalOf, withRun } from './timings.ts';

/** The bars of the first and of the latest prediction, on one scale. */
export function createTimingsView(stage: Stage): HTMLElement {
  const bars = element('div', { class: 'time-bars' });
  const legend = element('ul', { class: 'time-legend' });
  const root = element('section', { 'aria-labelledby': 'time-title', hidden: true });
  root.append(element('h2', { id: 'time-title' }, 'Time'), bars, legend);
  let history: RunHistory | undefined;

  stage.onDrawn((drawn) => {
    const { result } = stage;
    if (!result) return;
    const key = `${result.origin?.model.name} ${result.origin?.engine}`;
    history = withRun(history, { key, parts: timeParts(result.timings, drawn) });
    show(history);
  });

  function show({ cold, warm }: RunHistory): void {
    root.hidden = false;
    const longest = Math.max(totalOf(cold.parts), totalOf(warm?.parts ?? []));
    bars.replaceChildren(barOf('First, cold', cold, longest));
    if (warm) bars.append(barOf('Now, warm', warm, longest));
    const names = new Set([...cold.parts, ...(warm?.parts ?? [])].map(({ name }) => name));
    const latest = warm ?? cold;
    legend.replaceChildren(
      ...(Object.keys(partWords) as PartName[])
        .filter((name) => names.has(name))
        .map((name) => {
          const part = latest.parts.find((one) => one.name === name);
          const time = element('span', { class: 'number' }, milliseconds(part?.milliseconds ?? 0));
          return element('li', {}, element('i', { class: `swatch time-${name}` }), partWords[name], time);
        }),
    );
  }

  return root;
}

function barOf(title: string, { parts }: TimedRun, longest: number): HTMLElement {
  const words = parts.map((part) => `${partWords[part.name]} ${milliseconds(part.milliseconds)}`).join(', ');
  const bar = element('div', { class: 'time-bar', role: 'img', 'aria-label': `${title}: ${words}` });
  for (const { name, milliseconds: ms } of parts) {
    const piece = element('span', { class: `time-${name}`, title: `${partWords[name]} ${milliseconds(ms)}` });
    piece.style.width = `${(100 * ms) / longest}%`;
    bar.append(piece);
  }
  const total = element('span', { class: 'number' }, milliseconds(totalOf(parts)));
  return element('div', { class: 'time-run' }, element('span', { class: 'small' }, title), total, bar);
}
