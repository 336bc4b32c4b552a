import { type Html, type HtmlValue, html, nameHtml, nothing, table } from './html.ts';
import { count, counted, percentText } from './numbers.ts';
import { axisNames, figure, type Plotter, roomFor } from './plots.ts';

/** A confusion matrix as a plot, with its largest confusions as a table. */

/** What a matrix counts. Rows are classes of the truth, columns those that were predicted. */
export interface Matrix {
  readonly cells: readonly (readonly number[])[];
  /** One name per row and column. */
  readonly names: readonly string[];
  /** The index of the background, which is no class. */
  readonly background?: number | undefined;
  readonly caption: string;
  readonly note: string;
  /** What is counted: "objects", "pixels", "images". */
  readonly unit: string;
  /** Writes a count in the list. By default the whole number. */
  readonly format?: ((value: number) => string) | undefined;
}

/** A larger matrix has cells that cannot be told apart. */
const mostClasses = 30;
/** Up to here there is room for a number in every cell. */
const mostNumbers = 10;
const mostListed = 12;

interface Cell {
  readonly row: number;
  readonly column: number;
  readonly value: number;
  /** The share of its row. */
  readonly share: number;
}

/** Returns the cells that are wanted, with their share of the whole row. */
function cellsOf(cells: Matrix['cells'], wanted: (row: number, column: number, value: number) => boolean): Cell[] {
  return cells.flatMap((values, row) => {
    const sum = values.reduce((before, value) => before + value, 0);
    return values.flatMap((value, column) =>
      wanted(row, column, value) ? [{ row, column, value, share: sum === 0 ? 0 : value / sum }] : [],
    );
  });
}

/** Returns the rows and columns that are drawn: all, or those with most in them. */
function chosen({ cells, background }: Matrix): number[] {
  const all = cells.map((_, i) => i);
  if (all.length <= mostClasses) return all;
  const weight = all.map(
    (i) => cells[i]!.reduce((sum, value) => sum + value, 0) + cells.reduce((sum, row) => sum + row[i]!, 0),
  );
  return all
    .filter((i) => i !== background)
    .sort((a, b) => weight[b]! - weight[a]!)
    .slice(0, mostClasses - (background === undefined ? 0 : 1))
    .concat(background ?? [])
    .sort((a, b) => a - b);
}

/** Writes a confusion matrix. Colour is the share of a row, so that rare classes are seen as well as frequent ones. */
export function matrixFigures({ Plot, draw }: Plotter, matrix: Matrix): Html {
  const { names, background, caption, note, unit, format = count } = matrix;
  const indices = chosen(matrix);
  const written = axisNames(
    indices.map((i) => names[i] ?? `class ${i}`),
    16,
  );
  const labels = new Map(indices.map((i, n) => [i, written[n]!] as const));
  const cells = cellsOf(
    matrix.cells,
    (row, column) => labels.has(row) && labels.has(column) && !(row === background && column === background),
  );
  const room = roomFor(written);
  const side = Math.max(14, Math.min(44, (560 - room) / indices.length));
  const width = room + 16 + side * indices.length;
  const numbers = indices.length <= mostNumbers + 1;
  const plot = draw(
    {
      width,
      height: room + 30 + side * indices.length,
      marginLeft: room,
      marginTop: 10,
      marginRight: 6,
      marginBottom: room + 20,
      padding: 0.04,
      x: {
        domain: written,
        label: 'predicted →',
        tickRotate: -90,
        tickSize: 0,
        labelArrow: 'none',
        labelAnchor: 'center',
        labelOffset: room + 16,
      },
      y: { domain: written, label: null, tickSize: 0 },
      marks: [
        Plot.cell(cells, {
          x: ({ column }) => labels.get(column),
          y: ({ row }) => labels.get(row),
          fill: ({ row, column, share }) =>
            `color-mix(in oklab, var(--${row === column ? 'accent' : 'alarm'}) ${Math.round(100 * share)}%, var(--sunken))`,
          title: ({ row, column, value, share }) =>
            `${labels.get(row)}, predicted ${labels.get(column)}: ${format(value)} ${unit}, ${percentText(share)} %`,
        }),
        Plot.text(numbers ? cells.filter(({ share }) => share >= 0.005) : [], {
          x: ({ column }) => labels.get(column),
          y: ({ row }) => labels.get(row),
          text: ({ share }) => percentText(share, 0),
          fill: ({ share }) => (share > 0.55 ? 'var(--sheet)' : 'var(--ink)'),
          fontSize: 11,
        }),
      ],
    },
    `Confusion matrix of ${indices.length} classes; the largest confusions are in the table beside it.`,
  );
  const cut =
    indices.length < names.length
      ? ` The ${counted(indices.length, 'row')} with the most ${unit}, of ${names.length}.`
      : '';
  return html`<div class="matrix">${figure(caption, `${note} Rows: the truth. Columns: what was predicted. Numbers and colours are per cent of a row.${cut}`, html`<div class="scroll bare" tabindex="0" role="group" aria-label="plot, scrolls sideways">${plot}</div>`)}${largest(matrix)}</div>`;
}

/** Lists the largest confusions between classes: what a reader looks for in a matrix. */
function largest({ cells, names, background, unit, format = count }: Matrix): Html {
  const all = cellsOf(
    cells,
    (row, column, value) => row !== column && value > 0 && row !== background && column !== background,
  ).sort((a, b) => b.value - a.value);
  if (all.length === 0)
    return background === undefined ? nothing : html`<p class="card">No object was taken for one of another class.</p>`;
  const name = (index: number): HtmlValue => nameHtml(names[index] ?? `class ${index}`, 32);
  return table(
    html`Largest confusions <small>${all.length > mostListed ? `The first ${mostListed} of ${count(all.length)} pairs.` : 'All pairs.'}</small>`,
    [{ head: 'truth' }, { head: 'predicted' }, { head: unit, numeric: true }, { head: '% of truth', numeric: true }],
    all
      .slice(0, mostListed)
      .map(({ row, column, value, share }) => [name(row), name(column), format(value), percentText(share)]),
  );
}
