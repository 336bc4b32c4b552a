import type { Result } from 'moganet';
import { colorFor, sizesFor } from 'moganet/render';
import { canvasOf, imageDataOf, segmentationImage } from './bitmaps.ts';
import { createCutoutCard, pngOf } from './cutout.ts';
import { contextOf, element, icon, icons } from './dom.ts';
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
import { createScene, paintInstances, type Scene } from './paint.ts';
import { colorOf, describe, type InstanceShape } from './shapes.ts';
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

/**
 * The picture with what was found on it: three canvases on top of each other (picture, segmentation, instances), so that a
 * change repaints only what it concerns, and the slider of before and after is a clip.
 */

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

/** Most device pixels per CSS pixel: more is not seen, and costs. */
const mostPixelRatio = 2.5;

/** Milliseconds per frame in which outlines are made: a hundred new masks fill at once and get their outlines over some frames. */
const outlineTime = 8;

const frameSizes = { line: 2, contour: 1.6, text: 12 };

const keysHelp =
  'Arrow keys go from instance to instance, Enter cuts one out, Escape closes. Plus and minus zoom, zero shows the whole picture, Shift with an arrow key moves it.';

export function createStage(root: HTMLElement): Stage {
  const layers = createStore<LayersState>(initialLayers);
  const base = element('canvas', { class: 'stage-layer' });
  const regions = element('canvas', { class: 'stage-layer' });
  const instances = element('canvas', { class: 'stage-layer' });
  const over = element('div', { class: 'stage-over' }, regions, instances);
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
  const slider = element('input', {
    class: 'stage-slider',
    type: 'range',
    min: 0,
    max: 100,
    step: 0.1,
    value: 50,
    hidden: true,
    'aria-label': 'Before and after: the part of the picture that is shown without the result',
  });
  const divider = element('div', { class: 'stage-divider', 'aria-hidden': 'true', hidden: true });
  const card = createCutoutCard(() => select(undefined));
  const tool = (label: string, path: string) => {
    const button = element('button', { type: 'button', class: 'stage-tool', 'aria-label': label, title: label });
    button.append(icon(path));
    return button;
  };
  const zoomIn = tool('Zoom in', icons.plus);
  const zoomOut = tool('Zoom out', icons.minus);
  const fit = tool('Show the whole picture', icons.fit);
  const compare = tool('Compare before and after', icons.compare);
  compare.setAttribute('aria-pressed', 'false');
  const tools = element('div', { class: 'stage-tools', role: 'group', 'aria-label': 'View', hidden: true });
  tools.append(compare, zoomIn, zoomOut, fit);
  frame.append(base, over, divider, tooltip.root, empty);
  root.append(frame, slider, tools, card.root, help, said);

  let picture: Picture | undefined;
  let scene: Scene | undefined;
  let name = 'image';
  let segmentation: OffscreenCanvas | undefined;
  let room: Size = { width: 0, height: 0 };
  let view: View = { scale: 1, x: 0, y: 0 };
  let due = new Set<'base' | 'regions' | 'instances'>();
  let requested = false;
  let shownAt: number | undefined;
  let drawn: number | undefined;
  const selectListeners = new Set<(index: number | undefined) => void>();
  const resultListeners = new Set<(result: Result | undefined) => void>();
  const drawnListeners = new Set<(milliseconds: number) => void>();

  /** Paints what is due in the next frame. */
  function paint(...canvases: readonly ('base' | 'regions' | 'instances')[]): void {
    for (const one of canvases) due.add(one);
    if (requested) return;
    requested = true;
    requestAnimationFrame(() => {
      requested = false;
      const now = due;
      due = new Set();
      if (room.width > 0 && room.height > 0) paintNow(now);
    });
  }
  const paintAll = () => paint('base', 'regions', 'instances');

  function paintNow(now: ReadonlySet<string>): void {
    const ratio = Math.min(mostPixelRatio, devicePixelRatio);
    const begin = (canvas: HTMLCanvasElement) => {
      const [width, height] = [Math.round(room.width * ratio), Math.round(room.height * ratio)];
      if (canvas.width !== width) canvas.width = width;
      if (canvas.height !== height) canvas.height = height;
      const context = contextOf(canvas);
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, width, height);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      return context;
    };
    const copy = (context: CanvasRenderingContext2D, image: CanvasImageSource & Size) => {
      // enlarged far, pixels are seen as squares
      context.imageSmoothingEnabled = view.scale * ratio < 6;
      context.imageSmoothingQuality = view.scale * ratio < 1 ? 'high' : 'low';
      context.drawImage(image, view.x, view.y, image.width * view.scale, image.height * view.scale);
    };
    if (now.has('base')) {
      const context = begin(base);
      if (picture) copy(context, picture);
    }
    const { state } = layers;
    if (now.has('regions')) {
      const context = begin(regions);
      if (scene && state.segmentation.visible) {
        segmentation ??= segmentationImage(scene.result, state.litSegment);
        if (segmentation) copy(context, segmentation);
      }
      regions.style.opacity = String(state.segmentation.opacity);
    }
    if (now.has('instances')) {
      const context = begin(instances);
      if (scene) {
        scene.allow(outlineTime);
        paintInstances({ context, view, frame: room, sizes: frameSizes }, scene, state);
        if (scene.lacksOutlines) paint('instances');
      }
    }
    if (shownAt !== undefined && now.has('instances')) {
      drawn = performance.now() - shownAt;
      shownAt = undefined;
      for (const listener of [...drawnListeners]) listener(drawn);
    }
  }

  function setView(next: View): void {
    if (!picture) return;
    view = next;
    const zoomed = isZoomed(view, picture, room);
    frame.classList.toggle('zoomed', zoomed);
    zoomOut.disabled = fit.disabled = !zoomed;
    paintAll();
  }

  const middle = (): Point => ({ x: room.width / 2, y: room.height / 2 });
  const zoom = (factor: number, at = middle()) => {
    if (!picture) return;
    setView(zoomAt(view, factor, at, picture, room));
    tooltip.hide();
  };
  const pan = (by: Point) => {
    if (picture) setView(panBy(view, by, picture, room));
  };
  zoomIn.onclick = () => zoom(1.6);
  zoomOut.onclick = () => zoom(1 / 1.6);
  fit.onclick = () => {
    if (picture) setView(fitView(picture, room));
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
    const share = scene.result.shares[title] ?? 0;
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
      const isSeenWhole = !picture || !isZoomed(view, picture, room);
      if (direction === 'out' && isSeenWhole) return false;
      const pageScrolls = document.documentElement.scrollHeight > innerHeight + 1;
      return !isSeenWhole || !pageScrolls || document.activeElement === frame;
    },
    isMovable: () => picture !== undefined && isZoomed(view, picture, room),
  });

  /** Lights the next instance by the keyboard, shows where it is and says what it is. */
  function step(by: 1 | -1): void {
    if (!scene) return;
    const lit = neighbour(shownInstances(scene.result, layers.state), layers.state.lit ?? layers.state.selected, by);
    layers.set({ lit });
    const shape = lit === undefined ? undefined : scene.shapes[lit];
    const text = lit === undefined ? undefined : textOf(lit);
    if (!shape || !text || !picture) return;
    setView(reveal(view, shape.box, picture, room));
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
    else if (event.key === 'Escape') {
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
    } else {
      const hadFocus = card.root.contains(document.activeElement);
      card.hide();
      if (hadFocus && focused instanceof HTMLElement) focused.focus({ preventScroll: true });
      focused = null;
    }
    for (const listener of [...selectListeners]) listener(index);
  }

  slider.oninput = () => layers.set({ compare: Number(slider.value) / 100 });
  compare.onclick = () => layers.set({ compare: layers.state.compare === undefined ? 0.5 : undefined });

  function showCompare(part: number | undefined): void {
    const isOn = part !== undefined && scene !== undefined;
    compare.setAttribute('aria-pressed', String(isOn));
    slider.hidden = divider.hidden = !isOn;
    over.style.clipPath = isOn ? `inset(0 0 0 ${100 * part}%)` : '';
    divider.style.insetInlineStart = `${100 * (part ?? 0)}%`;
    if (isOn) slider.value = String(100 * part);
    slider.ariaValueText = isOn ? `${Math.round(100 * part)} % without the result` : '';
  }

  layers.subscribe((state, before) => {
    if (state.litSegment !== before.litSegment) segmentation = undefined;
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
    if (state.compare !== before.compare) showCompare(state.compare);
    if (state.selected !== before.selected) showCard(state.selected);
  });

  new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = frame;
    const wasWhole = !picture || room.width === 0 || !isZoomed(view, picture, room);
    room = { width, height };
    if (!picture || width === 0 || height === 0) return;
    setView(wasWhole ? fitView(picture, room) : clampView(view, picture, room));
  }).observe(frame);
  // the device's ratio changes with the browser's zoom
  addEventListener('resize', paintAll);

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
      const isOther = next?.width !== picture?.width || next?.height !== picture?.height;
      picture = next;
      empty.hidden = next !== undefined;
      tools.hidden = next === undefined;
      if (result !== scene?.result) {
        shownAt = result && performance.now();
        segmentation = undefined;
        scene = result && createScene(result);
        if (result) layers.set(layersFor(result, layers.state));
        else layers.set({ lit: undefined, litClass: undefined, litSegment: undefined, selected: undefined });
        tooltip.hide();
        compare.disabled = !result;
        showCompare(layers.state.compare);
        for (const listener of [...resultListeners]) listener(result);
      }
      frame.ariaLabel = labelOf(result, pictureName);
      if (next) root.style.setProperty('--picture-ratio', `${next.width} / ${next.height}`);
      if (next && isOther && room.width > 0) setView(fitView(next, room));
      paintAll();
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
      return pngOf(composed(picture, scene, layers.state));
    },
  };
}

const labelOf = (result: Result | undefined, name: string): string =>
  result ? `${name}: ${counted(result.length, 'instance')}` : name;

/** Draws the picture with its layers at the size of the image, with lines and text as the size asks for. */
function composed(picture: Picture, scene: Scene | undefined, state: LayersState): OffscreenCanvas {
  if (!scene) {
    const plain = new OffscreenCanvas(picture.width, picture.height);
    contextOf(plain).drawImage(picture, 0, 0);
    return plain;
  }
  const { image } = scene.result;
  const canvas = canvasOf(imageDataOf(image));
  const context = contextOf(canvas);
  if (state.segmentation.visible) {
    const regions = segmentationImage(scene.result, undefined);
    context.globalAlpha = state.segmentation.opacity;
    if (regions) context.drawImage(regions, 0, 0);
    context.globalAlpha = 1;
  }
  scene.allow(Infinity);
  const { lineWidth: line, contourWidth: contour, textSize: text } = sizesFor(image);
  const over = new OffscreenCanvas(image.width, image.height);
  const view = { scale: 1, x: 0, y: 0 };
  const calm = { ...state, lit: undefined, litClass: undefined, selected: undefined };
  paintInstances({ context: contextOf(over), view, frame: image, sizes: { line, contour, text } }, scene, calm);
  context.drawImage(over, 0, 0);
  return canvas;
}
