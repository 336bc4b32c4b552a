/**
 * Packs the package as it would be published, into `out/package/moganet.tgz`, unless that is newer than all it holds:
 *
 *     tsx scripts/pack.ts
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'out/package');
const tarball = join(folder, 'moganet.tgz');

/** What `npm pack` reads: the sources that it builds, and what it takes as it is. */
const ingredients: readonly string[] = [
  ...['src', 'heads', 'configs', 'docs', 'samples'],
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE', 'THIRD_PARTY_NOTICES.md'],
];

/** The path of the packed package: built anew where something is newer than it. */
export function packed(): string {
  const made = changed(tarball);
  if (made !== undefined && ingredients.every((path) => (changed(join(root, path)) ?? 0) < made)) return tarball;
  // what another branch left there would otherwise hold up what is made now
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // without a shell there is no npm on Windows
  execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: root,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  renameSync(join(folder, `moganet-${version}.tgz`), tarball);
  return tarball;
}

/** When a file, or the newest below a folder, was changed; a folder changes when something is taken from it. */
function changed(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => changed(join(path, name)) ?? 0));
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const file = packed();
  console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}
