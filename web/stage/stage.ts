import type { Result } from 'moganet';
import { element } from '../elements.ts';
import { createBoxTool } from './box_tool.ts';
import { createCamera } from './camera.ts';
import { contextOf } from './canvas.ts';
import { createCompare } from './compare.ts';
import { composed } from './composed.ts';
import { pngOf } from './cutout.ts';
import { connectKeyboard, keysHelp } from './keyboard.ts';
import { createLater } from './later.ts';
import { createStore, initialLayers, type LayersState, layersFor, type Store } from './layers.ts';
import { createListeners } from './listeners.ts';
import { createScene, type Scene } from './paint.ts';
import { connectPointer } from './pointer.ts';
import { createSelection } from './selection.ts';
import type { InstanceShape } from './shapes.ts';
import { createSurface, type Look, type Surface } from './surface.ts';
import { createTools } from './tools.ts';
import { createTooltip } from './tooltip.ts';
import type { Box } from './view.ts';
import { counted } from './words.ts';

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
  /** True if poses were looked for in boxes that the visitor drew. */
  readonly hasBoxes: boolean;
  /**
   * Shows a picture, with what was found on it or without. A new picture is seen whole; the same keeps its zoom.
   *
   * @param hasBoxes whether the visitor drew boxes
   */
  show(picture: Picture | undefined, result: Result | undefined, name?: string, hasBoxes?: boolean): void;
  /** Calls `listener` when an instance is cut out, and with `undefined` when its card is closed. Returns the function that ends it. */
  onSelect(listener: (index: number | undefined) => void): () => void;
  /**
   * Calls `listener` with every other result, after the frame that shows it, or at once with `undefined` when the picture has none yet.
   * Of results in quick succession the latest is told. Returns the function that ends it.
   */
  onResult(listener: (result: Result | undefined) => void): () => void;
  /**
   * Calls `listener` with a box that the visitor draws, in pixels of the picture, and with `undefined` when the whole picture shall be seen
   * again. Returns the function that ends it.
   */
  onBox(listener: (box: Box | undefined) => void): () => void;
  /** Tells those who listen for boxes. */
  tellBox(box: Box | undefined): void;
  /** Calls `listener` when a result is drawn for the first time. Returns the function that ends it. */
  onDrawn(listener: (milliseconds: number) => void): () => void;
  /** Draws the picture with all that is visible, at its full size. @throws Error without a picture */
  exportPng(): Promise<Blob>;
  /** Name of the picture's file. */
  readonly name: string;
}

/** What is on the stage. */
interface Shown {
  readonly picture?: Picture | undefined;
  readonly scene?: Scene | undefined;
  readonly name: string;
  readonly hasBoxes?: boolean | undefined;
}

export function createStage(root: HTMLElement): Stage {
  const layers = createStore<LayersState>(initialLayers);
  let shown: Shown = { name: 'image' };
  const parts = createParts(root, layers, () => shown);
  const { frame, empty, tools, camera, surface, timer, boxes } = parts;
  connect(parts, layers);
  const results = createResults(parts, layers, () => shown.scene?.result);

  return {
    layers,
    get result() {
      return shown.scene?.result;
    },
    get shapes() {
      return shown.scene?.shapes ?? [];
    },
    get drawn() {
      return timer.drawn;
    },
    get name() {
      return shown.name;
    },
    get hasBoxes() {
      return shown.hasBoxes ?? false;
    },
    show(picture, result, name = 'image', hasBoxes = false) {
      shown = { ...shown, picture, name, hasBoxes };
      const size = result?.image ?? picture ?? camera.size;
      empty.hidden = picture !== undefined;
      tools.hidden = picture === undefined;
      if (result !== shown.scene?.result) {
        shown = { ...shown, scene: result && createScene(result) };
        results.show(result);
      }
      frame.ariaLabel = labelOf(result, name);
      if (picture) root.style.setProperty('--picture-ratio', `${size.width} / ${size.height}`);
      camera.aim(size, picture !== undefined);
      surface.paint();
    },
    onSelect: parts.selection.onSelect,
    onResult: results.add,
    onBox: boxes.add,
    tellBox: boxes.tell,
    onDrawn: timer.onDrawn,
    exportPng: () => exported(shown, layers.state),
  };
}

type Parts = ReturnType<typeof createParts>;

/** Makes what is seen of the stage, and puts it into the page. */
function createParts(root: HTMLElement, layers: Store<LayersState>, shown: () => Shown) {
  const { frame, empty, help, said } = createFrame();
  const camera = createCamera(frame);
  const timer = createDrawTimer();
  const look = (): Look => ({
    picture: shown().picture,
    scene: shown().scene,
    state: layers.state,
    size: camera.size,
    view: camera.view,
    room: camera.room,
  });
  const surface = createSurface(look, timer.stop);
  const tooltip = createTooltip();
  const compare = createCompare(layers, surface.over);
  const selection = createSelection(layers, shown, tooltip.hide);
  const boxes = createListeners<Box | undefined>();
  const boxTool = createBoxTool(frame, camera, boxes.tell);
  const zoom = (factor: number) => {
    camera.zoom(factor);
    tooltip.hide();
  };
  const tools = createTools(camera, zoom, boxTool.button, compare.button);
  frame.append(surface.base, surface.over, compare.divider, boxTool.rectangle, tooltip.root, empty);
  root.append(frame, compare.slider, tools, selection.root, help, said);
  return { frame, empty, said, tools, camera, timer, look, surface, tooltip, compare, selection, boxes, boxTool, zoom };
}

/** Lets the parts hear the visitor and each other. */
function connect(parts: Parts, layers: Store<LayersState>): void {
  const { frame, said, camera, look, surface, tooltip, selection, zoom } = parts;
  const { select } = selection;
  const say = (text: string) => {
    said.textContent = text;
  };
  connectPointer(frame, { layers, camera, tooltip, look, select });
  connectKeyboard(frame, { layers, camera, tooltip, look, select, zoom, say });
  repaintFor(layers, surface);
  camera.onMove(() => {
    frame.classList.toggle('zoomed', camera.isZoomed);
    surface.paint();
  });
  // the device's ratio changes with the browser's zoom
  addEventListener('resize', () => surface.paint());
}

/** Sets the layers and the tools for each new result, and tells those who listen for results. @param latest the one on the stage */
function createResults(
  { timer, surface, tooltip, compare, boxTool }: Parts,
  layers: Store<LayersState>,
  latest: () => Result | undefined,
) {
  const listeners = createListeners<Result | undefined>();
  const later = createLater(() => listeners.steps(latest));
  /** The classes of the latest result. */
  let classes: readonly string[] = [];
  return {
    add: listeners.add,
    show(result: Result | undefined): void {
      timer.start(result !== undefined);
      surface.forgetRegions();
      tooltip.hide();
      compare.allow(result !== undefined);
      if (!result) {
        layers.set({ lit: undefined, litClass: undefined, litSegment: undefined, selected: undefined });
        later.cancel();
        listeners.tell(undefined);
        return;
      }
      layers.set(layersFor(result, layers.state, classes));
      classes = result.classes;
      boxTool.allow(result.poses !== undefined);
      later.run();
    },
  };
}

function labelOf(result: Result | undefined, name: string): string {
  if (!result) return name;
  const { poses } = result;
  return `${name}: ${poses ? counted(poses.length, 'pose') : counted(result.length, 'instance')}`;
}

/** Makes the frame of the picture, what it says while it is empty, and what only screen readers hear. */
function createFrame() {
  return {
    frame: element('div', {
      class: 'stage-frame',
      role: 'group',
      tabindex: 0,
      'aria-label': 'Picture',
      'aria-describedby': 'stage-keys',
    }),
    empty: element('p', { class: 'stage-empty' }, 'Your picture appears here.'),
    help: element('p', { id: 'stage-keys', class: 'unseen' }, keysHelp),
    said: element('p', { class: 'unseen', 'aria-live': 'polite' }),
  };
}

/** Measures the time from a result to the frame that shows it. */
function createDrawTimer() {
  const listeners = createListeners<number>();
  let shownAt: number | undefined;
  let drawn: number | undefined;
  return {
    get drawn() {
      return drawn;
    },
    /** @param isResult tells if there is a result, and not only a picture */
    start(isResult: boolean) {
      shownAt = isResult ? performance.now() : undefined;
    },
    stop() {
      if (shownAt === undefined) return;
      drawn = performance.now() - shownAt;
      shownAt = undefined;
      listeners.tell(drawn);
    },
    onDrawn: listeners.add,
  };
}

/** What the canvas of the instances depends on, and that of the segmentation. */
const instanceFields = [
  'boxes',
  'masks',
  'poses',
  'labels',
  'colorBy',
  'score',
  'hidden',
  'lit',
  'litClass',
  'selected',
] as const;
const regionFields = ['litSegment', 'segmentation'] as const;

/** Paints what changes in the layers. */
function repaintFor(layers: Store<LayersState>, surface: Surface): void {
  layers.subscribe((state, before) => {
    if (state.litSegment !== before.litSegment) surface.forgetRegions();
    if (regionFields.some((field) => state[field] !== before[field])) surface.paint('regions');
    if (instanceFields.some((field) => state[field] !== before[field])) surface.paint('instances');
  });
}

async function exported({ picture, scene }: Shown, state: LayersState): Promise<Blob> {
  if (!picture) throw new Error('There is no picture to save. Open one first.');
  if (scene) return pngOf(composed(scene, state));
  const plain = new OffscreenCanvas(picture.width, picture.height);
  contextOf(plain).drawImage(picture, 0, 0);
  return pngOf(plain);
}
