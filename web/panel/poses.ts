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
  const whole = element('button', { type: 'button', onclick: () => stage.tellBox(undefined) }, 'Whole picture');
  const hint = element(
    'p',
    { class: 'small' },
    'The whole picture counts as one person. For several, press the rectangle above the picture and draw a box around each.',
  );
  const root = element('section', { 'aria-labelledby': 'poses-title', hidden: true });
  root.append(element('h2', { id: 'poses-title' }, 'Poses'), list, hint, element('div', { class: 'buttons' }, whole));

  stage.onResult((result) => {
    const poses = result?.poses;
    if (!result) return;
    root.hidden = !poses;
    if (!poses) return;
    const isWhole = showsAll(poses, result.image);
    hint.hidden = !isWhole;
    whole.hidden = isWhole;
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
