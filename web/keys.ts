import { element, find } from './elements.ts';
import type { Inputs } from './inputs.ts';
import type { Session } from './session.ts';
import { sizes } from './settings.ts';
import type { Store } from './state.ts';

/** Keys of the whole page, and the dialog that lists them. Keys of the stage are its own. */

/** Connects the keys. @param nextTheme changes the theme */
export function connectKeys(store: Store, session: Session, inputs: Inputs, nextTheme: () => void): void {
  const dialog = element('dialog', { id: 'help', 'aria-labelledby': 'help-title' });
  const resize = (change: number) => {
    const size = Math.min(sizes.most, Math.max(sizes.least, store.state.size + change));
    store.set({ size });
    void session.again();
  };
  const keys: Readonly<Record<string, { readonly does: string; run(): void }>> = {
    o: { does: 'open a picture or a checkpoint', run: inputs.choose },
    '1': { does: 'sample: a house in a street', run: () => void inputs.openSample(0) },
    '2': { does: 'sample: a facade with balconies', run: () => void inputs.openSample(1) },
    '3': { does: 'sample: a street corner', run: () => void inputs.openSample(2) },
    w: { does: 'start or stop the webcam', run: () => void inputs.toggleWebcam() },
    '.': { does: 'more detail', run: () => resize(sizes.step) },
    ',': { does: 'less detail, faster', run: () => resize(-sizes.step) },
    t: { does: 'theme: auto, light, dark', run: nextTheme },
    Escape: { does: 'cancel what runs, or dismiss a message', run: () => leave(store, session) },
    '?': { does: 'this list', run: () => dialog.showModal() },
  };
  const list = element('dl');
  for (const [key, { does }] of Object.entries(keys))
    list.append(element('dt', {}, element('kbd', {}, key)), element('dd', {}, does));
  dialog.append(
    element('h2', { id: 'help-title' }, 'Keys and help'),
    list,
    element(
      'p',
      { class: 'small' },
      'Ctrl+V pastes a picture. Files can be dropped anywhere on the page. After the first visit the page works without a network.',
    ),
    element('form', { method: 'dialog' }, element('button', {}, 'Close')),
  );
  document.body.append(dialog);
  find('help-open', HTMLButtonElement).onclick = () => dialog.showModal();

  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
    const { target } = event;
    // a text field and a select take letters themselves
    if (
      target instanceof HTMLSelectElement ||
      (target instanceof HTMLInputElement && target.type !== 'range' && target.type !== 'checkbox')
    )
      return;
    const action = keys[event.key];
    if (!action) return;
    event.preventDefault();
    action.run();
  });
}

function leave(store: Store, session: Session): void {
  if (store.state.work) session.cancel();
  else if (store.state.notice) store.set({ notice: undefined });
}
