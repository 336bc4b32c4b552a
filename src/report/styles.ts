/**
 * The looks of the pages: colours for light and dark, sizes for computer, phone and paper. Colours of text keep a contrast
 * of 4.5 : 1 with what is behind them, those of marks 3 : 1; a test computes both.
 */

/** The colours of the pages: light, dark. */
export const colors = {
  paper: ['#f4f5f8', '#0f1115'],
  sheet: ['#ffffff', '#181b21'],
  sunken: ['#eceef3', '#22262e'],
  ink: ['#16181d', '#eceef2'],
  quiet: ['#565e6e', '#a2aab8'],
  line: ['#d8dce4', '#343a45'],
  accent: ['#3350c8', '#93a8ff'],
  // hits, false alarms and misses: apart for every kind of colour vision, and lighter from one to the next
  hit: ['#0f766e', '#4fd1c5'],
  alarm: ['#b5460f', '#ff9d5c'],
  miss: ['#8b2fa8', '#d59bf0'],
  warn: ['#7d5200', '#f0c060'],
} as const satisfies Readonly<Record<string, readonly [light: string, dark: string]>>;

/** Colours of lines in one plot, in this order. */
export const lineColors = [
  ['#3350c8', '#93a8ff'],
  ['#b5460f', '#ff9d5c'],
  ['#0f766e', '#4fd1c5'],
  ['#8b2fa8', '#d59bf0'],
  ['#80600a', '#e6c04f'],
  ['#a81f56', '#ff8fb7'],
  ['#3f6b15', '#a3d65c'],
  ['#556070', '#aeb8c6'],
] as const;

const variables = [
  ...Object.entries(colors).map(([name, [light, dark]]) => `--${name}: light-dark(${light}, ${dark});`),
  ...lineColors.map(([light, dark], i) => `--line-${i}: light-dark(${light}, ${dark});`),
].join('\n');

/** Rules that every page has. They contain no text from data. */
export const pageStyles = `
:root {
color-scheme: light dark;
${variables}
font: 1rem / 1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
scroll-padding-top: 3.5rem;
}
*, ::before, ::after { box-sizing: border-box; }
[hidden] { display: none !important; }
body { max-width: 76rem; margin: 0 auto; padding: 0 clamp(0.75rem, 3vw, 2rem) 4rem; background: var(--paper); color: var(--ink); overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
h1, h2, h3, p, ul, dl, dd, figure { margin: 0; padding: 0; }
h1 { font-size: clamp(1.4rem, 4vw, 1.9rem); line-height: 1.2; letter-spacing: -0.02em; }
h2 { font-size: 1.25rem; line-height: 1.3; letter-spacing: -0.01em; }
h3 { font-size: 1rem; line-height: 1.4; }
a { color: var(--accent); }
small, .small { color: var(--quiet); font-size: 0.8125rem; }
code { font: 0.875em / 1.4 ui-monospace, "Cascadia Mono", Menlo, Consolas, monospace; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip:not(:focus), .unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip { position: absolute; top: 0.5rem; padding: 0.5rem 0.75rem; background: var(--sheet); z-index: 3; }
.top { padding: 2rem 0 1.25rem; }
.lead { max-width: 48rem; margin-top: 0.35rem; color: var(--quiet); }
.contents { position: sticky; top: 0; z-index: 2; margin: 0 calc(-1 * clamp(0.75rem, 3vw, 2rem)); padding: 0 clamp(0.75rem, 3vw, 2rem); background: var(--paper); border-bottom: 1px solid var(--line); overflow-x: auto; scrollbar-width: none; }
.contents ul { display: flex; gap: 1.25rem; list-style: none; white-space: nowrap; }
.contents a { display: block; padding: 0.65rem 0; color: var(--quiet); font-size: 0.9375rem; text-decoration: none; }
.contents a:is(:hover, :focus) { color: var(--ink); text-decoration: underline; text-underline-offset: 0.3em; }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 2.75rem; padding-top: 1.75rem; }
section { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1.1rem; }
section > h2 + .lead { margin-top: -0.8rem; }
.card { padding: 1rem 1.15rem; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--sheet); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem 1.5rem; }
.facts dt { color: var(--quiet); font-size: 0.8125rem; }
.facts dd { font-variant-numeric: tabular-nums; }
.scroll { position: relative; overflow-x: auto; border: 1px solid var(--line); border-radius: 0.75rem; background: var(--sheet); }
table { width: 100%; border-collapse: collapse; font-size: 0.9375rem; font-variant-numeric: tabular-nums; }
caption { padding: 0.85rem 1rem 0.5rem; text-align: start; font-weight: 600; }
caption small { display: block; font-weight: 400; max-width: calc(100vw - 4.5rem); }
th, td { overflow-wrap: normal; padding: 0.4rem 1rem; border-top: 1px solid var(--line); text-align: start; vertical-align: middle; }
thead th { border-top: 0; color: var(--quiet); font-size: 0.8125rem; font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 7rem; }
.number { text-align: end; white-space: nowrap; }
ul.plain { padding-inline-start: 1.2rem; display: grid; gap: 0.3rem; }
figure { display: grid; gap: 0.5rem; grid-template-columns: minmax(0, 1fr); align-content: start; }
figcaption { font-weight: 600; }
figcaption small { display: block; font-weight: 400; max-width: calc(100vw - 4.5rem); }
details > summary { cursor: pointer; color: var(--accent); padding: 0.2rem 0; }
img { max-width: 100%; height: auto; }
@media (max-width: 40rem) { th, td { padding-inline: 0.65rem; } th:first-child { padding-inline-start: 1rem; } }
@media print {
:root { color-scheme: light; font-size: 10pt; }
body { max-width: none; padding: 0; background: none; }
.contents, .skip { display: none; }
.card, figure, tr { break-inside: avoid; }
.bar { print-color-adjust: exact; }
h2, h3, caption { break-after: avoid; }
.scroll { overflow: visible; }
details::details-content { content-visibility: visible; block-size: auto; }
}
`;

/** Rules of the reports beside those of every page. */
export const reportStyles = `
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr)); gap: 0.75rem; list-style: none; }
.tiles li { display: grid; gap: 0.1rem; align-content: start; }
.tiles strong { font-size: 2.1rem; line-height: 1.15; letter-spacing: -0.03em; font-variant-numeric: tabular-nums; font-weight: 650; }
.tiles strong small { font-size: 1rem; letter-spacing: 0; font-weight: 400; }
.tiles a { color: inherit; text-underline-offset: 0.2em; }
.remarks { border-inline-start: 4px solid var(--warn); }
.plot { font: 11.5px system-ui, sans-serif; display: block; width: 100%; height: auto; max-width: 34rem; overflow: hidden; }
.plot text { white-space: pre; }
.grid.wide { grid-template-columns: minmax(0, 36rem); }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; list-style: none; font-size: 0.8125rem; line-height: 1.4; }
.legend li { display: flex; gap: 0.4rem; align-items: center; min-width: 0; }
.legend svg { flex: none; }
.bar { display: inline-block; min-width: 6.5rem; padding: 0 0.4rem; border-radius: 0.2rem; background: linear-gradient(to right, color-mix(in srgb, var(--accent) 24%, transparent) var(--share), var(--sunken) 0); }
.none { color: var(--quiet); }
.duo { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; align-items: start; }
.duo > figure { align-self: stretch; }
.duo .plot { max-width: 30rem; }
.duo tbody th { white-space: nowrap; min-width: 0; }
td .small { display: inline-block; min-width: 8.5rem; }
@media (max-width: 40rem) { .bar { min-width: 3.75rem; } td .small { min-width: 5rem; } .duo tbody th { white-space: normal; } }
.matrix { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; align-items: start; }
.matrix .plot { width: auto; max-width: none; }
.scroll.bare { border: 0; border-radius: 0; background: none; }
.stack { display: grid; gap: 0.75rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: 0.75rem; }
.panels > div { display: grid; gap: 0.25rem; align-content: start; min-width: 0; }
.panels h3 { font-size: 0.8125rem; font-weight: 500; color: var(--quiet); }
.guide .facts { grid-template-columns: repeat(auto-fill, minmax(min(100%, 22rem), 1fr)); }
.guide dt { color: var(--ink); font-weight: 600; }
.guide dd { color: var(--quiet); font-size: 0.9375rem; }
figcaption { min-width: 0; }
`;
