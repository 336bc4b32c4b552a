import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtCli, builtPackage } from '../built.ts';
import { root } from '../contenders.ts';
import type { Options } from '../options.ts';
import { photo } from '../photo.ts';
import type { Report } from '../report.ts';
import { median } from '../statistics.ts';

/** A process from its start to its end with one overlay: `moganet detect photo.jpg` and `moganet segment photo.jpg`. */
export async function cold({ engines, rounds }: Options): Promise<Report> {
  builtPackage();
  const folder = mkdtempSync(join(tmpdir(), 'moganet-bench-'));
  const rows = [];
  const ratios = [];
  try {
    for (const engine of engines) {
      for (const command of ['detect', 'segment']) {
        const args = [builtCli, command, photo, '--engine', engine, '--out', folder, '--overwrite', '--quiet'];
        const seconds: number[] = [];
        for (let i = 0; i < Math.min(rounds, 7); i++) {
          const start = performance.now();
          execFileSync(process.execPath, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
          seconds.push((performance.now() - start) / 1000);
        }
        const value = median(seconds);
        rows.push([command, engine, value, Math.min(...seconds), Math.max(...seconds)]);
        const most = engine === 'auto' ? 2.5 : undefined;
        ratios.push({ name: `cold ${command} ${engine}`, value, unit: 's', most } as const);
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  const columns = ['command', 'engine', 'seconds', 'least', 'most'];
  return { tables: [{ title: 'cold: a process that draws one photo of 1024×1024', columns, rows }], ratios, notes: [] };
}
