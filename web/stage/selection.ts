import { createCutoutCard } from './cutout.ts';
import type { LayersState, Store } from './layers.ts';
import { createListeners } from './listeners.ts';
import type { Scene } from './paint.ts';
import { fileWord, stemOf } from './words.ts';

/** The instance that is cut out: its card opens and closes, and the keyboard's focus goes there and back. */

export interface Selection {
  /** The card. */
  readonly root: HTMLElement;
  select(index: number | undefined, fromKeyboard?: boolean): void;
  /** Calls `listener` when the card shows another instance, or none. Returns the function that ends it. */
  onSelect(listener: (index: number | undefined) => void): () => void;
}

/** @param shown tells what is on the stage @param onShow is called before the card opens */
export function createSelection(
  layers: Store<LayersState>,
  shown: () => { readonly scene?: Scene | undefined; readonly name: string },
  onShow: () => void,
): Selection {
  const listeners = createListeners<number | undefined>();
  const card = createCutoutCard(() => select(undefined));
  /** Where the focus goes back to when the card closes. */
  let focused: Element | null = null;
  let byKeyboard = false;

  function select(index: number | undefined, fromKeyboard = false): void {
    byKeyboard = fromKeyboard;
    layers.set({ selected: index });
    byKeyboard = false;
  }

  function open(index: number, { scene, name }: ReturnType<typeof shown>): boolean {
    const shape = scene?.shapes[index];
    if (!shape || !scene) return false;
    onShow();
    const takesFocus = byKeyboard || document.activeElement?.closest('[data-instance]') !== null;
    if (takesFocus) focused = document.activeElement;
    const fileName = `${stemOf(name)}.${fileWord(shape.name)}-${shape.index + 1}.png`;
    card.show({ result: scene.result, shape, fileName }, takesFocus);
    // on a phone the list is far below the picture
    card.root.scrollIntoView({ block: 'nearest' });
    return true;
  }

  function close(): void {
    const hadFocus = card.root.contains(document.activeElement);
    card.hide();
    if (hadFocus && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
    focused = null;
  }

  layers.subscribe(({ selected }, before) => {
    if (selected === before.selected) return;
    if (selected === undefined || !open(selected, shown())) close();
    listeners.tell(selected);
  });
  return { root: card.root, select, onSelect: listeners.add };
}
