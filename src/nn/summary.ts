import { type Named, sizeOf } from '../arrays.ts';
import { costOf } from './cost.ts';
import { type Graph, parametersOf } from './graph.ts';
import { type InputExtent, type MapShape, shapesOf, text } from './shapes.ts';

/** The reading of a graph as a table by module. */

export interface SummaryRow {
  /** The official module path. */
  readonly path: string;
  /** 1 for the graph's own modules. */
  readonly depth: number;
  /** The output of the module's first call; for a list of modules, of its last one. */
  readonly output?: MapShape | undefined;
  /** Trainable parameters in it. */
  readonly parameters: number;
  /** Multiply-adds in it. */
  readonly macs: number;
}

interface Branch {
  readonly children: Map<string, Branch>;
  output?: MapShape | undefined;
  parameters: number;
  macs: number;
}

const branch = (): Branch => ({ children: new Map(), parameters: 0, macs: 0 });

/** Lists modules down to `depth`, each after the one that holds it, in the order of their first use. */
export function summaryOf(graph: Graph, inputs: Named<InputExtent>, depth: number): SummaryRow[] {
  const shapes = shapesOf(graph, inputs);
  const root = branch();
  /** Returns the branch of a module, after `visit` has seen every branch from the root to it. */
  const branchOf = (path: string, visit: (branch: Branch) => void = () => {}): Branch => {
    let current = root;
    visit(current);
    for (const step of path.split('.').filter(Boolean)) {
      const child = current.children.get(step) ?? branch();
      current.children.set(step, child);
      current = child;
      visit(current);
    }
    return current;
  };
  for (const { kind, key, shape } of parametersOf(graph)) {
    if (kind !== 'parameter') continue;
    branchOf(key.slice(0, Math.max(0, key.lastIndexOf('.'))), (each) => {
      each.parameters += sizeOf(shape);
    });
  }
  for (const { path, op, macs } of costOf(graph, inputs)) {
    // a step that is not a module counts for the module that does it
    const module = path === op ? '' : path.replace(/:[^.]*$/, '').replace(/#\d+/g, '');
    branchOf(module, (each) => {
      each.macs += macs;
    });
  }
  for (const [path, id] of Object.entries(graph.taps)) {
    if (!/[#:]/.test(path)) branchOf(path).output = shapes[id];
  }
  return [...rowsOf(root, '', 1, depth)];
}

function* rowsOf({ children }: Branch, path: string, level: number, depth: number): Generator<SummaryRow> {
  if (level > depth) return;
  for (const [name, child] of children) {
    const childPath = path ? `${path}.${name}` : name;
    yield { path: childPath, depth: level, output: outputOf(child), parameters: child.parameters, macs: child.macs };
    yield* rowsOf(child, childPath, level + 1, depth);
  }
}

function outputOf({ output, children }: Branch): MapShape | undefined {
  if (output) return output;
  const last = [...children.values()].at(-1);
  return last && outputOf(last);
}

/** Writes lines of aligned columns: module, output (channels×height×width), parameters, multiply-adds. */
export function summaryLines(rows: readonly SummaryRow[]): string[] {
  const cells = rows.map(({ path, depth, output, parameters, macs }) => [
    `${'  '.repeat(depth - 1)}${path.slice(path.lastIndexOf('.') + 1)}`,
    output ? text(output) : '',
    parameters > 0 ? withUnit(parameters) : '',
    macs > 0 ? withUnit(macs) : '',
  ]);
  return alignedColumns([['module', 'output', 'parameters', 'MACs'], ...cells]);
}

/** Aligns the first column to the left and the others, which are numbers, to the right. */
export function alignedColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, { length }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

const units = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Writes a number with three digits or more, and a unit: `2.98 M`, `185.4 G`. */
export function withUnit(value: number): string {
  const [size, unit] = units.find(([least]) => value >= least * 0.99995) ?? [1, ''];
  if (!unit) return `${value}`;
  const scaled = value / size;
  return `${scaled.toFixed(scaled < 9.995 ? 2 : 1)} ${unit}`;
}
