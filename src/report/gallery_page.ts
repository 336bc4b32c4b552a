/** The looks and the script of the gallery. Neither contains text from data. */

export const galleryStyles = `
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 1.25rem 1rem; align-items: start; }
.item { content-visibility: auto; contain-intrinsic-size: auto 16rem; }
.item figcaption { font-weight: 500; font-size: 0.875rem; }
.picture { position: relative; display: block; width: 100%; padding: 0; border: 0; overflow: hidden; border-radius: 0.5rem; background: var(--sunken); color: inherit; font: inherit; line-height: 0; cursor: zoom-in; }
.picture > img { width: 100%; height: auto; }
.picture > .objects, .picture > .labels { position: absolute; inset: 0; width: 100%; height: 100%; }
.picture > .labels { opacity: 0.6; image-rendering: pixelated; }
.picture > .reason { padding: 1rem; line-height: 1.4; font-size: 0.875rem; text-align: start; white-space: normal; }
.objects .box { fill: none; stroke: var(--class); stroke-width: 2; vector-effect: non-scaling-stroke; }
.objects .mask { fill: var(--class); fill-opacity: 0.35; fill-rule: evenodd; stroke: var(--class); stroke-width: 1; vector-effect: non-scaling-stroke; }
.objects .keypoints path { fill: none; stroke: var(--class); stroke-width: 2; vector-effect: non-scaling-stroke; }
.objects .keypoints circle { fill: var(--class); stroke: #000; stroke-width: 0.75; }
.objects .keypoints .covered { fill: #fff; stroke: var(--class); stroke-width: 1.5; }
.objects .result > .box { stroke-dasharray: 6 4; }
.objects .tag rect { fill: #000; fill-opacity: 0.72; }
.objects .tag text { fill: #fff; font: 600 10px system-ui, sans-serif; }
.objects g:hover > .box { stroke-width: 4; }
.controls { display: grid; gap: 0.9rem; }
.switches { display: flex; flex-wrap: wrap; gap: 0.3rem 1.25rem; border: 0; margin: 0; padding: 0; }
.switches legend { padding: 0; color: var(--quiet); font-size: 0.8125rem; }
.switches label { display: inline-flex; gap: 0.45rem; align-items: center; cursor: pointer; min-height: 1.75rem; }
.switches input { width: 1.05rem; height: 1.05rem; margin: 0; accent-color: var(--accent); }
.classes { max-height: 14rem; overflow-y: auto; }
.swatch { flex: none; width: 0.9rem; height: 0.9rem; border-radius: 0.2rem; background: var(--class); border: 1px solid var(--line); }
.pick { display: flex; flex-wrap: wrap; gap: 0.6rem 1rem; align-items: center; }
select, .button { font: inherit; color: var(--ink); background: var(--sheet); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.35rem 0.7rem; min-height: 2.25rem; max-width: min(18rem, 60vw); }
.button { cursor: pointer; }
.viewer { width: min(96vw, 80rem); max-width: none; max-height: 96vh; padding: 0.75rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--sheet); color: var(--ink); }
.viewer::backdrop { background: rgb(0 0 0 / 0.7); }
.viewer .bar { display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; padding-bottom: 0.6rem; }
.viewer .bar .what { flex: 1 1 12rem; min-width: 0; }
.viewer .what small { display: block; }
#all-classes { display: flex; flex-wrap: wrap; gap: 0.5rem; }
.viewer .stage { display: grid; place-items: center; }
.viewer .picture { cursor: default; }
@media print { .controls, .viewer { display: none; } .item { content-visibility: visible; break-inside: avoid; } }
`;

/** Opens an image large, goes to the next and the one before, and shows the images of one class. The page works without it. */
export const galleryScript = `
const items = [...document.querySelectorAll('.item')];
const viewer = document.getElementById('viewer');
const pick = document.getElementById('only');
const seen = document.getElementById('seen');
let at = 0;
const shown = () => items.filter((item) => !item.hidden);
const make = (label, action, where) => {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'button';
  button.textContent = label;
  button.addEventListener('click', action);
  where.append(button);
  return button;
};
const bar = viewer.querySelector('.bar');
const stage = viewer.querySelector('.stage');
const what = viewer.querySelector('.what');
const show = (index) => {
  const list = shown();
  if (list.length === 0) return viewer.close();
  at = (index + list.length) % list.length;
  const item = list[at];
  const picture = item.querySelector('.picture').cloneNode(true);
  const stand = document.createElement('div');
  stand.className = 'picture';
  stand.append(...picture.childNodes);
  for (const image of stand.querySelectorAll('img')) image.loading = 'eager';
  const image = stand.querySelector('img');
  if (image) stand.style.width = 'min(100%, calc(80vh * ' + image.width / image.height + '))';
  stage.replaceChildren(stand);
  what.replaceChildren(...item.querySelector('figcaption').cloneNode(true).childNodes);
  const place = document.createElement('small');
  place.textContent = (at + 1) + ' of ' + list.length;
  what.append(place);
};
make('← Previous', () => show(at - 1), bar);
make('Next →', () => show(at + 1), bar);
make('Close', () => viewer.close(), bar);
for (const item of items) {
  item.querySelector('.picture').addEventListener('click', () => {
    show(shown().indexOf(item));
    viewer.showModal();
  });
}
viewer.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowLeft') show(at - 1);
  else if (event.key === 'ArrowRight') show(at + 1);
  else return;
  event.preventDefault();
});
viewer.addEventListener('click', (event) => { if (event.target === viewer) viewer.close(); });
if (pick) {
  const choose = () => {
    for (const item of items) {
      const classes = item.dataset.classes.split(' ').filter(Boolean);
      item.hidden = !(pick.value === '' || (pick.value === 'none' ? classes.length === 0 : classes.includes(pick.value)));
    }
    seen.textContent = shown().length + ' of ' + items.length + ' images';
  };
  pick.addEventListener('change', choose);
  pick.closest('.pick').hidden = false;
  choose();
}
const boxes = [...document.querySelectorAll('.classes input')];
const place = document.getElementById('all-classes');
if (place && boxes.length > 1) {
  const set = (checked) => () => { for (const box of boxes) box.checked = checked; };
  make('All classes', set(true), place);
  make('No class', set(false), place);
}
`;
