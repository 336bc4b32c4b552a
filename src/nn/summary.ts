import { type Named, sizeOf } from '../arrays.ts';
import { costOf } from './cost.ts';
import type { Graph } from './graph.ts';
import { type InputExtent, type MapShape, shapesOf, text } from './shapes.ts';

/** The reading of a graph as a table by module. */

export interface SummaryRow {
  /** The official module path. */
  readonly path: string;
  /** 1 for the graph's own modules. */
  readonly depth: number;
  /** What the module gives (its first call); of a list of modules, what its last one gives. */
  readonly output?: MapShape;
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

/** Modules down to `depth`, each after the one that holds it, in the order of their first use. */
export function summaryOf(graph: Graph, inputs: Named<InputExtent>, depth: number): SummaryRow[] {
  const shapes = shapesOf(graph, inputs);
  const root = branch();
  /** The branches from the root to a module. */
  const along = (path: string): Branch[] => {
    const branches = [root];
    for (const step of path.split('.').filter(Boolean)) {
      const { children } = branches.at(-1)!;
      if (!children.has(step)) children.set(step, branch());
      branches.push(children.get(step)!);
    }
    return branches;
  };
  for (const node of graph.nodes) {
    if (node.op !== 'param' || node.attributes.kind !== 'parameter') continue;
    const { key, shape } = node.attributes;
    for (const one of along(key.slice(0, Math.max(0, key.lastIndexOf('.'))))) one.parameters += sizeOf(shape);
  }
  for (const { path, op, macs } of costOf(graph, inputs)) {
    // a step that is no module of its own counts for the module that does it
    const module = path === op ? '' : path.replace(/:[^.]*$/, '').replace(/#\d+/g, '');
    for (const one of along(module)) one.macs += macs;
  }
  for (const [path, id] of Object.entries(graph.taps)) {
    if (/[#:]/.test(path)) continue;
    const branches = along(path);
    branches.at(-1)!.output = shapes[id];
  }
  return [...rowsOf(root, '', 1, depth)];
}

function* rowsOf({ children }: Branch, path: string, level: number, depth: number): Generator<SummaryRow> {
  if (level > depth) return;
  for (const [name, child] of children) {
    const here = path ? `${path}.${name}` : name;
    const output = outputOf(child);
    yield { path: here, depth: level, ...(output && { output }), parameters: child.parameters, macs: child.macs };
    yield* rowsOf(child, here, level + 1, depth);
  }
}

function outputOf({ output, children }: Branch): MapShape | undefined {
  if (output) return output;
  const last = [...children.values()].at(-1);
  return last && outputOf(last);
}

/** Lines of aligned columns: module, output (channels×height×width), parameters, multiply-adds. */
export function summaryLines(rows: readonly SummaryRow[]): string[] {
  const cells = rows.map(({ path, depth, output, parameters, macs }) => [
    `${'  '.repeat(depth - 1)}${path.slice(path.lastIndexOf('.') + 1)}`,
    output ? text(output) : '',
    parameters > 0 ? withUnit(parameters) : '',
    macs > 0 ? withUnit(macs) : '',
  ]);
  return alignedColumns([['module', 'output', 'parameters', 'MACs'], ...cells]);
}

/** The first column to the left, numbers to the right. */
export function alignedColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
      .join('  ')
      .trimEnd(),
  );
}

const units = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
] as const;

/** Three digits or more, and a unit: `2.98 M`, `185.4 G`. */
export function withUnit(value: number): string {
  const [size, unit] = units.find(([least]) => value >= least * 0.99995) ?? [1, ''];
  if (!unit) return `${value}`;
  const scaled = value / size;
  return `${scaled.toFixed(scaled < 9.995 ? 2 : 1)} ${unit}`;
}
