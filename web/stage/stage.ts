import type { Result } from 'moganet';
import { colorFor } from 'moganet/render';
import { element, icon, icons } from '../elements.ts';
import { contextOf } from './canvas.ts';
import { createCompare } from './compare.ts';
import { composed } from './composed.ts';
import { createCutoutCard, pngOf } from './cutout.ts';
import { listenForGestures } from './gestures.ts';
import { instanceUnder, labelUnder } from './hit.ts';
import { type Rect, seenPart } from './labels.ts';
import {
  createStore,
  initialLayers,
  isShown,
  type LayersState,
  layersFor,
  neighbour,
  type Store,
  shownInstances,
} from './layers.ts';
import { createScene, type Scene } from './paint.ts';
import { colorOf, describe, type InstanceShape } from './shapes.ts';
import { createSurface } from './surface.ts';
import { createTooltip, type TooltipText } from './tooltip.ts';
import {
  clampView,
  fitView,
  isZoomed,
  type Point,
  panBy,
  reveal,
  type Size,
  toFrame,
  toImage,
  type View,
  zoomAt,
} from './view.ts';
import { counted, fileWord, percent, pixels, scoreText, stemOf } from './words.ts';

/** The picture with what was found on it: looked at by pointer, fingers and keys. */

/** A picture that can be drawn and has a size. */
export type Picture = ImageBitmap | OffscreenCanvas | HTMLCanvasElement;

export interface Stage {
  /** What is visible, how strong, which instance is lit or selected. */
  readonly layers: Store<LayersState>;
  /** The result on the stage. */
  readonly result: Result | undefined;
  /** Its instances, in the same order, with their areas. */
  readonly shapes: readonly InstanceShape[];
  /** Milliseconds from the latest result to the frame that shows it. */
  readonly drawn: number | undefined;
  /** Shows a picture, with what was found on it or without. A new picture is seen whole; the same keeps its zoom. */
  show(picture: Picture | undefined, result: Result | undefined, name?: string): void;
  /** Calls `listener` when an instance is cut out, and with `undefined` when its card is closed. Returns the function that ends it. */
  onSelect(listener: (index: number | undefined) => void): () => void;
  /** Calls `listener` with every other result, or with `undefined` when the picture has none yet. Returns the function that ends it. */
  onResult(listener: (result: Result | undefined) => void): () => void;
  /** Calls `listener` when a result is drawn for the first time. Returns the function that ends it. */
  onDrawn(listener: (milliseconds: number) => void): () => void;
  /** Draws the picture with all that is visible, at its full size. @throws Error without a picture */
  exportPng(): Promise<Blob>;
  /** Name of the picture's file. */
  readonly name: string;
}

const keysHelp =
  'Arrow keys go from instance to instance, Enter cuts one out, Escape closes. Plus and minus zoom, zero shows the whole picture, Shift with an arrow key moves it.';

export function createStage(root: HTMLElement): Stage {
  const layers = createStore<LayersState>(initialLayers);
  const surface = createSurface(
    () => ({ picture, size, scene, state: layers.state, view, room }),
    () => {
      if (shownAt === undefined) return;
      drawn = performance.now() - shownAt;
      shownAt = undefined;
      for (const listener of [...drawnListeners]) listener(drawn);
    },
  );
  const { paint } = surface;
  const help = element('p', { id: 'stage-keys', class: 'unseen' }, keysHelp);
  const said = element('p', { class: 'unseen', 'aria-live': 'polite' });
  const empty = element('p', { class: 'stage-empty' }, 'Your picture appears here.');
  const tooltip = createTooltip();
  const frame = element('div', {
    class: 'stage-frame',
    role: 'group',
    tabindex: 0,
    'aria-label': 'Picture',
    'aria-describedby': 'stage-keys',
  });
  const compare = createCompare(layers, surface.over);
  const card = createCutoutCard(() => select(undefined));
  const tool = (label: string, path: string) => {
    const button = element('button', { type: 'button', class: 'stage-tool', 'aria-label': label, title: label });
    button.append(icon(path));
    return button;
  };
  const zoomIn = tool('Zoom in', icons.plus);
  const zoomOut = tool('Zoom out', icons.minus);
  const fit = tool('Show the whole picture', icons.fit);
  const tools = element('div', { class: 'stage-tools', role: 'group', 'aria-label': 'View', hidden: true });
  tools.append(compare.button, zoomIn, zoomOut, fit);
  frame.append(surface.base, surface.over, compare.divider, tooltip.root, empty);
  root.append(frame, compare.slider, tools, card.root, help, said);

  let picture: Picture | undefined;
  let scene: Scene | undefined;
  let name = 'image';
  /** The classes of the latest result. */
  let classes: readonly string[] = [];
  /** The image in which everything has its place: the result's, or the picture's as long as there is none. */
  let size: Size = { width: 1, height: 1 };
  let room: Size = { width: 0, height: 0 };
  let view: View = { scale: 1, x: 0, y: 0 };
  let shownAt: number | undefined;
  let drawn: number | undefined;
  const selectListeners = new Set<(index: number | undefined) => void>();
  const resultListeners = new Set<(result: Result | undefined) => void>();
  const drawnListeners = new Set<(milliseconds: number) => void>();

  function setView(next: View): void {
    if (!picture) return;
    view = next;
    const zoomed = isZoomed(view, size, room);
    frame.classList.toggle('zoomed', zoomed);
    zoomOut.disabled = fit.disabled = !zoomed;
    paint();
  }

  const middle = (): Point => ({ x: room.width / 2, y: room.height / 2 });
  const zoom = (factor: number, at = middle()) => {
    if (!picture) return;
    setView(zoomAt(view, factor, at, size, room));
    tooltip.hide();
  };
  const pan = (by: Point) => {
    if (picture) setView(panBy(view, by, size, room));
  };
  zoomIn.onclick = () => zoom(1.6);
  zoomOut.onclick = () => zoom(1 / 1.6);
  fit.onclick = () => {
    if (picture) setView(fitView(size, room));
  };

  function under(at: Point): number | undefined {
    if (!scene) return undefined;
    const { result, shapes } = scene;
    const { state } = layers;
    if (!state.masks.visible && !state.boxes.visible) return undefined;
    const slack = state.boxes.visible ? 4 / view.scale : 0;
    return instanceUnder(shapes, toImage(view, at), { isShown: (i) => isShown(result, i, state), slack });
  }

  function textOf(index: number): TooltipText | undefined {
    const shape = scene?.shapes[index];
    if (!scene || !shape) return undefined;
    const details = [scoreText(shape.score), pixels(shape.area), percent(shape.share)];
    return { title: shape.name, details, color: colorOf(scene.result, shape, layers.state.colorBy) };
  }

  /** The part of the frame that an instance's box takes. */
  function boxInFrame(index: number): Rect {
    const [x1, y1, x2, y2] = scene?.shapes[index]?.box ?? [0, 0, 0, 0];
    const box = { ...toFrame(view, { x: x1, y: y1 }), width: (x2 - x1) * view.scale, height: (y2 - y1) * view.scale };
    return seenPart(box, room);
  }

  /** The class under a point, if the segmentation is seen. */
  function segmentText(at: Point): TooltipText | undefined {
    const found = scene?.result.segmentation;
    if (!found || !scene || !layers.state.segmentation.visible) return undefined;
    const label = labelUnder(found.labels, scene.result.image, found.classes, toImage(view, at));
    if (label === undefined) return undefined;
    const title = found.classes[label] ?? `class ${label}`;
    const share = scene.shares[title] ?? 0;
    return { title, details: [`${percent(share)} of the picture`], color: colorFor(label, found.dataset?.colors) };
  }

  listenForGestures(frame, {
    hover(at) {
      const index = under(at);
      layers.set({ lit: index });
      const text = index === undefined ? segmentText(at) : textOf(index);
      frame.classList.toggle('over-instance', index !== undefined);
      if (text) tooltip.show(text, index === undefined ? { ...at, width: 0, height: 0 } : boxInFrame(index), at, room);
      else tooltip.hide();
    },
    leave() {
      layers.set({ lit: undefined });
      tooltip.hide();
    },
    press: (at) => select(under(at)),
    pan,
    zoom,
    wheelZooms: (direction) => {
      const isSeenWhole = !picture || !isZoomed(view, size, room);
      if (direction === 'out' && isSeenWhole) return false;
      const pageScrolls = document.documentElement.scrollHeight > innerHeight + 1;
      return !isSeenWhole || !pageScrolls || document.activeElement === frame;
    },
    isMovable: () => picture !== undefined && isZoomed(view, size, room),
  });

  /** Lights the next instance by the keyboard, shows where it is and says what it is. */
  function step(by: 1 | -1): void {
    if (!scene) return;
    const lit = neighbour(shownInstances(scene.result, layers.state), layers.state.lit ?? layers.state.selected, by);
    layers.set({ lit });
    const shape = lit === undefined ? undefined : scene.shapes[lit];
    const text = lit === undefined ? undefined : textOf(lit);
    if (!shape || !text || !picture) return;
    setView(reveal(view, shape.box, size, room));
    tooltip.show(text, boxInFrame(shape.index), middle(), room);
    said.textContent = describe(shape);
  }

  frame.addEventListener('keydown', (event) => {
    const arrows: Readonly<Record<string, Point>> = {
      ArrowLeft: { x: 1, y: 0 },
      ArrowUp: { x: 0, y: 1 },
      ArrowRight: { x: -1, y: 0 },
      ArrowDown: { x: 0, y: -1 },
    };
    const arrow = arrows[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (arrow && event.shiftKey) pan({ x: 60 * arrow.x, y: 60 * arrow.y });
    else if (arrow) step(arrow.x + arrow.y < 0 ? 1 : -1);
    else if (event.key === '+' || event.key === '=') zoom(1.6);
    else if (event.key === '-') zoom(1 / 1.6);
    else if (event.key === '0') fit.click();
    else if (event.key === 'Enter' && layers.state.lit !== undefined) select(layers.state.lit, true);
    else if (event.key === 'Escape' && (layers.state.lit ?? layers.state.selected) !== undefined) {
      layers.set({ lit: undefined });
      tooltip.hide();
      select(undefined);
    } else return;
    event.preventDefault();
  });
  frame.addEventListener('blur', () => {
    layers.set({ lit: undefined });
    tooltip.hide();
  });

  /** Where the focus goes back to when the card closes. */
  let focused: Element | null = null;
  let byKeyboard = false;
  function select(index: number | undefined, fromKeyboard = false): void {
    byKeyboard = fromKeyboard;
    layers.set({ selected: index });
    byKeyboard = false;
  }

  function showCard(index: number | undefined): void {
    const shape = index === undefined ? undefined : scene?.shapes[index];
    if (shape && scene) {
      tooltip.hide();
      const takesFocus = byKeyboard || document.activeElement?.closest('[data-instance]') !== null;
      if (takesFocus) focused = document.activeElement;
      card.show(
        { result: scene.result, shape, fileName: `${stemOf(name)}.${fileWord(shape.name)}-${shape.index + 1}.png` },
        takesFocus,
      );
      // on a phone the list is far below the picture
      card.root.scrollIntoView({ block: 'nearest' });
    } else {
      const hadFocus = card.root.contains(document.activeElement);
      card.hide();
      if (hadFocus && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
      focused = null;
    }
    for (const listener of [...selectListeners]) listener(index);
  }

  layers.subscribe((state, before) => {
    if (state.litSegment !== before.litSegment) surface.forgetRegions();
    const regionFields = ['litSegment', 'segmentation'] as const;
    if (regionFields.some((field) => state[field] !== before[field])) paint('regions');
    const instanceFields = [
      'boxes',
      'masks',
      'labels',
      'colorBy',
      'score',
      'hidden',
      'lit',
      'litClass',
      'selected',
    ] as const;
    if (instanceFields.some((field) => state[field] !== before[field])) paint('instances');
    if (state.selected !== before.selected) showCard(state.selected);
  });

  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = frame;
    const wasWhole = !picture || room.width === 0 || !isZoomed(view, size, room);
    room = { width, height };
    if (!picture || width === 0 || height === 0) return;
    setView(wasWhole ? fitView(size, room) : clampView(view, size, room));
  }).observe(frame);
  // the device's ratio changes with the browser's zoom
  addEventListener('resize', () => paint());

  return {
    layers,
    get result() {
      return scene?.result;
    },
    get shapes() {
      return scene?.shapes ?? [];
    },
    get drawn() {
      return drawn;
    },
    get name() {
      return name;
    },
    show(next, result, pictureName = 'image') {
      name = pictureName;
      picture = next;
      const { width, height } = result?.image ?? next ?? size;
      const isOther = width !== size.width || height !== size.height;
      size = { width, height };
      empty.hidden = next !== undefined;
      tools.hidden = next === undefined;
      if (result !== scene?.result) {
        shownAt = result && performance.now();
        surface.forgetRegions();
        scene = result && createScene(result);
        if (result) {
          layers.set(layersFor(result, layers.state, classes));
          classes = result.classes;
        }
        if (!result) layers.set({ lit: undefined, litClass: undefined, litSegment: undefined, selected: undefined });
        tooltip.hide();
        compare.allow(result !== undefined);
        for (const listener of [...resultListeners]) listener(result);
      }
      frame.ariaLabel = labelOf(result, pictureName);
      if (next) root.style.setProperty('--picture-ratio', `${width} / ${height}`);
      if (next && isOther && room.width > 0) setView(fitView(size, room));
      paint();
    },
    onSelect(listener) {
      selectListeners.add(listener);
      return () => void selectListeners.delete(listener);
    },
    onResult(listener) {
      resultListeners.add(listener);
      return () => void resultListeners.delete(listener);
    },
    onDrawn(listener) {
      drawnListeners.add(listener);
      return () => void drawnListeners.delete(listener);
    },
    async exportPng() {
      if (!picture) throw new Error('There is no picture to save. Open one first.');
      if (scene) return pngOf(composed(scene, layers.state));
      const plain = new OffscreenCanvas(picture.width, picture.height);
      contextOf(plain).drawImage(picture, 0, 0);
      return pngOf(plain);
    },
  };
}

const labelOf = (result: Result | undefined, name: string): string =>
  result ? `${name}: ${counted(result.length, 'instance')}` : name;
