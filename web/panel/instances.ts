import { element } from '../elements.ts';
import { isShown } from '../stage/layers.ts';
import { colorOf, cssColor, type InstanceShape } from '../stage/shapes.ts';
import type { Stage } from '../stage/stage.ts';
import { percent, pixels, scoreText } from '../stage/words.ts';
import { keepFocus } from './focus.ts';

const unseen = (words: string) => element('span', { class: 'unseen' }, words);

/** The list of instances. The row and the instance on the picture light each other; Enter or a click cuts out. */
export function createInstanceList(stage: Stage): HTMLElement {
  const { layers } = stage;
  const list = element('ul', { class: 'instances', 'aria-labelledby': 'instances-title' });
  const nothing = element('p', { class: 'small', hidden: true });
  const root = element('section', { 'aria-labelledby': 'instances-title' });
  root.append(element('h3', { id: 'instances-title' }, 'Instances'), list, nothing);
  let rows: readonly HTMLButtonElement[] = [];

  const rowOf = (target: EventTarget | null): number => {
    const row = target instanceof Element ? target.closest<HTMLElement>('[data-instance]') : null;
    return Number(row?.dataset.instance ?? -1);
  };
  const light = (target: EventTarget | null) => {
    const index = rowOf(target);
    layers.set({ lit: index >= 0 ? index : undefined });
  };
  list.onpointerover = ({ target, pointerType }) => pointerType !== 'touch' && light(target);
  list.onpointerleave = () => layers.set({ lit: undefined });
  list.addEventListener('focusin', ({ target }) => {
    if (target instanceof Element && target.matches(':focus-visible')) light(target);
  });
  list.addEventListener('focusout', () => layers.set({ lit: undefined }));
  list.onclick = ({ target }) => {
    const index = rowOf(target);
    if (index >= 0) layers.set({ selected: layers.state.selected === index ? undefined : index });
  };
  // one stop of the Tab key for the whole list; the arrow keys go through it
  list.onkeydown = (event) => {
    const seen = rows.filter((row) => !row.parentElement?.hidden);
    const at = seen.findIndex((row) => row.matches(':focus'));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: seen.length - 1 }[event.key];
    const row = to === undefined ? undefined : seen[to];
    if (!row) return;
    event.preventDefault();
    makeTabStop(row);
    row.focus();
  };

  function makeTabStop(row: HTMLButtonElement): void {
    for (const other of rows) other.tabIndex = other === row ? 0 : -1;
  }

  function build(shapes: readonly InstanceShape[]): void {
    const isWithin = list.contains(document.activeElement);
    rows = shapes.map((shape) => {
      const row = element('button', { type: 'button', class: 'instance', 'data-instance': shape.index });
      // says what `describe` does; some words are only heard
      const score = element('span', { class: 'number' }, unseen('score '), scoreText(shape.score));
      const share = element('span', { class: 'small number' }, percent(shape.share), unseen(' of the picture, '));
      const name = element('span', {}, shape.name, unseen(`, ${pixels(shape.area)}, `));
      row.append(element('i', { class: 'swatch' }), name, share, score);
      row.style.setProperty('--part', `${100 * shape.score}%`);
      return row;
    });
    list.replaceChildren(...rows.map((row) => element('li', {}, row)));
    if (!isWithin) list.scrollTop = 0;
    showColors(shapes);
    showState();
  }

  function showColors(shapes: readonly InstanceShape[]): void {
    const { result } = stage;
    if (!result) return;
    for (const [i, row] of rows.entries()) {
      const shape = shapes[i];
      if (shape) row.style.setProperty('--color', cssColor(colorOf(result, shape, layers.state.colorBy)));
    }
  }

  function showState(): void {
    const { result } = stage;
    if (!result) return;
    for (const [i, row] of rows.entries()) {
      const item = row.parentElement;
      if (item) item.hidden = !isShown(result, i, layers.state);
    }
    const seen = rows.filter((row) => !row.parentElement?.hidden);
    const [first] = seen;
    if (first && !seen.some((row) => row.tabIndex === 0)) makeTabStop(first);
    list.hidden = !first;
    nothing.hidden = first !== undefined;
    nothing.textContent =
      rows.length === 0
        ? `Nothing found. This model knows ${listed(result.classes)}.`
        : 'Nothing at this score. Move the slider to the left.';
  }

  function showLit(lit: number | undefined): void {
    for (const [i, row] of rows.entries()) row.classList.toggle('lit', i === lit);
    const row = lit === undefined ? undefined : rows[lit];
    if (!row || list.matches(':hover')) return;
    // scrolls the list, never the page
    const top = row.offsetTop - list.offsetTop;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + row.offsetHeight > list.scrollTop + list.clientHeight)
      list.scrollTop = top + row.offsetHeight - list.clientHeight;
  }

  stage.onResult((result) => {
    if (!result) return;
    root.hidden = result.classes.length === 0;
    keepFocus(list, 'data-instance', () => build(stage.shapes));
  });
  layers.subscribe((state, before) => {
    if (state.score !== before.score || state.hidden !== before.hidden) showState();
    if (state.colorBy !== before.colorBy) showColors(stage.shapes);
    if (state.lit !== before.lit) showLit(state.lit);
    if (state.selected !== before.selected) {
      for (const [i, row] of rows.entries()) row.ariaPressed = i === state.selected ? 'true' : null;
    }
  });
  return root;
}

const listed = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')} and ${names.length - 12} more classes` : names.join(', ');
