import type { Result } from 'moganet';
import { element } from '../elements.ts';
import type { Stage } from '../stage/stage.ts';
import { scoreText } from '../stage/words.ts';
import { keepFocus } from './focus.ts';

type Poses = NonNullable<Result['poses']>;
type Pose = ReturnType<Poses['at']>;

/** The poses with their keypoints, in the order of the boxes. */
export function createPoseList(stage: Stage): HTMLElement {
  const list = element('ol', { 'aria-labelledby': 'poses-title' });
  const remove = element('button', { type: 'button', onclick: () => stage.tellBox(undefined) }, 'Remove the boxes');
  const hint = element(
    'p',
    { class: 'small' },
    'The whole picture counts as one person. For several, press the rectangle above the picture and draw a box around each, or let a detector find them (Settings).',
  );
  const root = element('section', { 'aria-labelledby': 'poses-title', hidden: true });
  root.append(element('h2', { id: 'poses-title' }, 'Poses'), list, hint, element('div', { class: 'buttons' }, remove));

  stage.onResult((result) => {
    const poses = result?.poses;
    if (!result) return;
    root.hidden = !poses;
    if (!poses) return;
    hint.hidden = stage.hasBoxes || !showsAll(poses, result.image);
    remove.hidden = !stage.hasBoxes;
    const opened = new Set([...list.querySelectorAll('details')].flatMap(({ open }, i) => (open ? [i] : [])));
    keepFocus(list, 'data-pose', () =>
      list.replaceChildren(...Array.from(poses, (pose) => element('li', {}, rowOf(pose, opened.has(pose.index))))),
    );
  });
  return root;
}

function showsAll(poses: Poses, { width, height }: Result['image']): boolean {
  if (poses.length !== 1) return false;
  const [x1, y1, x2, y2] = poses.at(0).box;
  return x1 <= 0 && y1 <= 0 && x2 >= width && y2 >= height;
}

/** A pose, which opens to its keypoints. */
function rowOf({ index, name, score, keypoints }: Pose, open: boolean): HTMLElement {
  const unseen = (text: string) => element('span', { class: 'unseen' }, text);
  const number = (value: number) => element('span', { class: 'number' }, unseen('score '), scoreText(value));
  const title = element('summary', { 'data-pose': index }, `${name} ${index + 1} `, number(score));
  const points = keypoints.map((one) => {
    const place = element('span', { class: 'small number' }, `${one.x.toFixed(1)}, ${one.y.toFixed(1)}`);
    return element('li', { class: 'keypoint' }, element('span', {}, one.name), place, number(one.score));
  });
  return element('details', { class: 'pose', open }, title, element('ul', {}, ...points));
}
