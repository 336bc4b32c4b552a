/** Colours of classes: published ones, generated ones beyond them, and text that can be read on them. */

/** 8-bit sRGB: red, green, blue. */
export type Color = readonly [red: number, green: number, blue: number];
/** Colours by class index. A palette may be shorter than the list of classes. */
export type Palette = readonly Color[];

/** The part of a data set that drawing needs. */
export interface ColoredClasses {
  readonly colors?: Palette | undefined;
}

/** The classes of labels and their colours. */
export interface ClassNames {
  /** The classes by label. */
  readonly classes: readonly string[];
  /** Gives the colours by default. */
  readonly dataset?: ColoredClasses | undefined;
  /** Colours by label. By default those of the data set; without one they are generated. */
  readonly palette?: Palette | undefined;
}

/** Returns the name of a class; labels beyond the list are numbered. */
export function nameOf(classes: readonly string[], label: number): string {
  return classes[label] ?? `class ${label}`;
}

/** Returns the label of pixels without a class: 255, or 65535 above 255 classes. 0 is the first class. */
export const unlabelledOf = (classes: readonly string[]): number => (classes.length > 255 ? 65535 : 255);

export const black: Color = [0, 0, 0];
export const white: Color = [255, 255, 255];

/**
 * Returns the colour of class `index` (a whole number ≥ 0): the palette's, and beyond its end a generated one.
 *
 * Generated colours go round the hues of OKLCH in steps of the golden angle, the lightness alternating between three
 * levels (six, later on). A colour too close to the palette or to an earlier one is skipped. The allowed distance shrinks
 * slowly as the space fills up, so the first dozens are easy to tell apart and the list never ends.
 *
 * @throws RangeError for an index that is not a whole number ≥ 0
 */
export function colorFor(index: number, palette: Palette = []): Color {
  if (!Number.isInteger(index) || index < 0) {
    throw new RangeError(`a class index must be a whole number >= 0, got ${index}.`);
  }
  return palette[index] ?? generatedColor(palette, index - palette.length);
}

/** The colours generated after a palette so far, and the state to go on from. */
interface Continuation {
  readonly colors: Color[];
  /** OKLab of the palette and of `colors`. */
  readonly taken: Lab[];
  candidate: number;
  apart: number;
  /** Candidates skipped since the last colour. */
  skipped: number;
}

const continuations = new WeakMap<Palette, Continuation>();
const emptyPalette: Palette = [];

const goldenAngle = Math.PI * (3 - Math.sqrt(5));

interface Tone {
  readonly lightness: number;
  /** Reduced where sRGB does not reach that far. */
  readonly chroma: number;
}

const vivid: readonly Tone[] = [
  { lightness: 0.68, chroma: 0.2 },
  { lightness: 0.5, chroma: 0.18 },
  { lightness: 0.84, chroma: 0.15 },
];
/** Duller and darker tones join in when the vivid ones stand as close as `vividApart`. */
const allTones: readonly Tone[] = [
  ...vivid,
  { lightness: 0.6, chroma: 0.09 },
  { lightness: 0.4, chroma: 0.14 },
  { lightness: 0.77, chroma: 0.08 },
];
const vividApart = 0.1;
/** Skipped candidates in a row after which closer colours are allowed: several turns of all hues at all levels. */
const patience = 60;

function generatedColor(palette: Palette, position: number): Color {
  const key = palette.length === 0 ? emptyPalette : palette;
  let state = continuations.get(key);
  if (!state) {
    state = { colors: [], taken: key.map(toOklab), candidate: 0, apart: 0.15, skipped: 0 };
    continuations.set(key, state);
  }
  while (state.colors.length <= position) tryCandidate(state);
  return state.colors[position]!;
}

/** Adds the next candidate to the colours, or skips it if it is too close to one of them. */
function tryCandidate(state: Continuation): void {
  const index = state.candidate++;
  const tones = state.apart < vividApart ? allTones : vivid;
  const { lightness, chroma } = tones[index % tones.length]!;
  // starts at an orange-red; 0.45 rad keeps the first hue off pure pink
  const color = fromOklch(lightness, chroma, 0.45 + index * goldenAngle);
  const lab = toOklab(color);
  if (state.taken.every((other) => distance(lab, other) >= state.apart)) {
    state.colors.push(color);
    state.taken.push(lab);
    state.skipped = 0;
  } else if (++state.skipped % patience === 0) {
    state.apart *= 0.95;
  }
}

/**
 * Returns the colour of text on `background`: white if its contrast is at least 3.5 : 1, else black (then at least 6 : 1).
 * WCAG 2's ratio alone would put black on saturated reds and blues, which it is known to overrate and which people find
 * harder to read.
 */
export function readableOn(background: Color): Color {
  const [r, g, b] = linearOf(background);
  const luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (luminance + 0.05) >= 3.5 ? white : black;
}

/** Measures how different two colours look: Euclidean distance in OKLab; black to white is 1, 0.02 is just noticeable. */
export function colorDistance(a: Color, b: Color): number {
  return distance(toOklab(a), toOklab(b));
}

type Lab = readonly [lightness: number, a: number, b: number];

function distance(a: Lab, b: Lab): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function linear(byte: number): number {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

const linearOf = ([r, g, b]: Color): Color => [linear(r), linear(g), linear(b)];

function encoded(value: number): number {
  return Math.round(255 * (value <= 0.0031308 ? 12.92 * value : 1.055 * value ** (1 / 2.4) - 0.055));
}

/** Björn Ottosson, "A perceptual color space for image processing" (2020): the matrices of sRGB ↔ OKLab. */
function toOklab(color: Color): Lab {
  const [r, g, b] = linearOf(color);
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function fromOklch(lightness: number, chroma: number, hue: number): Color {
  for (let c = chroma; ; c *= 0.96) {
    const a = c * Math.cos(hue);
    const b = c * Math.sin(hue);
    const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
    const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
    const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
    const red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
    const green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
    const blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s;
    // grey (c near 0) is always inside, so this ends
    if (Math.min(red, green, blue) >= 0 && Math.max(red, green, blue) <= 1) {
      return [encoded(red), encoded(green), encoded(blue)];
    }
  }
}
