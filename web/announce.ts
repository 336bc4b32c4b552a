import { find } from './elements.ts';
import type { Session } from './session.ts';
import { type LayersState, shownInstances } from './stage/layers.ts';
import type { Stage } from './stage/stage.ts';
import { counted } from './stage/words.ts';
import type { State, Store, Work } from './state.ts';
import { duration } from './words.ts';

/** The line below the picture: what was found, how long it took, what the page is doing, and messages. */

/** Connects the answer, which counts what the stage shows, the progress, the cancel button and the notice. */
export function connectAnnouncements(store: Store, session: Session, { layers }: Stage): void {
  const found = find('found', HTMLElement);
  const facts = find('facts', HTMLElement);
  const progress = find('progress', HTMLProgressElement);
  const cancel = find('cancel', HTMLButtonElement);
  const notice = find('notice', HTMLElement);
  let ticking: ReturnType<typeof setInterval> | undefined;

  cancel.onclick = () => session.cancel();
  const [text, dismiss] = notice.children;
  (dismiss as HTMLElement).onclick = () => store.set({ notice: undefined });

  const showProgress = ({ text: doing, share, since, expected, first }: Work) => {
    const seconds = since === undefined ? 0 : (performance.now() - since) / 1000;
    const known = share ?? (expected === undefined ? undefined : Math.min(0.97, (1000 * seconds) / expected));
    if (known === undefined) progress.removeAttribute('value');
    else progress.value = 100 * known;
    const words = [
      ...(known === undefined ? [] : [`${Math.round(100 * known)} %`]),
      ...(first ? ['the first run takes longer'] : []),
      ...(seconds >= 1 ? [`${seconds.toFixed(0)} s`] : []),
    ];
    facts.textContent = words.join(' · ');
    found.textContent = `${doing}…`;
  };

  store.on(['work', 'result', 'waits', 'model', 'live'], (state) => {
    const { work } = state;
    clearInterval(ticking);
    progress.hidden = work === undefined;
    cancel.hidden = work === undefined;
    document.body.classList.toggle('working', work !== undefined);
    if (work) {
      showProgress(work);
      if (work.since !== undefined) ticking = setInterval(() => showProgress(work), 200);
    } else {
      found.textContent = answerOf(state, layers.state);
      facts.textContent = factsOf(state);
    }
  });
  layers.subscribe(({ score, hidden }, before) => {
    if (store.state.work || (score === before.score && hidden === before.hidden)) return;
    found.textContent = answerOf(store.state, layers.state);
  });
  store.on(['notice'], ({ notice: said }) => {
    notice.hidden = said === undefined;
    notice.dataset.kind = said?.kind ?? '';
    if (text) text.textContent = said?.text ?? '';
  });
}

function answerOf({ result, model }: State, layers: LayersState): string {
  if (!result) return model ? 'Ready. Open a picture.' : 'No model is loaded.';
  const shown = new Set(shownInstances(result, layers));
  const counts = Object.entries(result.filter((_, i) => shown.has(i)).counts).map(
    ([name, count]) => `${count} × ${name}`,
  );
  const { poses, classification: classes } = result;
  if (poses) return `Found ${counted(poses.length, 'pose')} with ${counted(poses.names.length, 'keypoint')} each`;
  if (classes) {
    const [label = 0] = classes.labels;
    return `${classes.classes[label]}, ${Math.round(100 * (classes.scores[0] ?? 0))} %`;
  }
  const shares = Object.entries(result.shares).slice(0, 3);
  const areas = shares.map(([name, share]) => `${Math.round(100 * share)} % ${name}`);
  if (counts.length > 0) return `Found ${counts.join(', ')}`;
  return areas.length > 0 ? areas.join(', ') : `Found nothing of a score above ${layers.score.toFixed(2)}`;
}

function factsOf({ waits: { cold, warm }, model, result, live }: State): string {
  if (!result || !model) return '';
  const time = warm ?? cold;
  const rate = live && warm !== undefined ? [`${(1000 / warm).toFixed(1)} pictures a second`] : [];
  const took = time === undefined ? [] : [`${duration(time)} on ${model.engine}`];
  const first = cold !== undefined && warm !== undefined ? [`first ${duration(cold)}`] : [];
  return [...took, ...first, ...rate].join(' · ');
}
