import { element, icons } from '../elements.ts';
import type { LayersState, Store } from './layers.ts';
import { toggle } from './tools.ts';

/** The slider of before and after: left of it the picture alone, right of it with the result. */

export interface Compare {
  readonly button: HTMLButtonElement;
  readonly slider: HTMLElement;
  readonly divider: HTMLElement;
  /** Tells if there is a result to compare with. */
  allow(isPossible: boolean): void;
}

/** @param over what the slider clips */
export function createCompare(layers: Store<LayersState>, over: HTMLElement): Compare {
  const button = toggle('Compare before and after', icons.compare);
  const slider = element('input', {
    class: 'stage-slider',
    type: 'range',
    min: 0,
    max: 100,
    step: 0.1,
    hidden: true,
    'aria-label': 'Before and after: the part of the picture that is shown without the result',
  });
  const divider = element('div', { class: 'stage-divider', 'aria-hidden': 'true', hidden: true });
  let isPossible = false;

  slider.oninput = () => layers.set({ compare: Number(slider.value) / 100 });
  button.onclick = () => layers.set({ compare: layers.state.compare === undefined ? 0.5 : undefined });

  function show(): void {
    const { compare: part } = layers.state;
    const isOn = part !== undefined && isPossible;
    button.disabled = !isPossible;
    button.ariaPressed = String(isOn);
    slider.hidden = divider.hidden = !isOn;
    over.style.clipPath = isOn ? `inset(0 0 0 ${100 * part}%)` : '';
    if (!isOn) return;
    divider.style.insetInlineStart = `${100 * part}%`;
    slider.value = String(100 * part);
    slider.ariaValueText = `${Math.round(100 * part)} % without the result`;
  }

  layers.subscribe((state, before) => {
    if (state.compare !== before.compare) show();
  });
  show();
  return {
    button,
    slider,
    divider,
    allow(possible) {
      isPossible = possible;
      show();
    },
  };
}
