/**
 * Packs the package as for publishing into `out/package/moganet.tgz`. A file that is newer than its content is kept:
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

/** Sources that `npm pack` builds, and files that it takes as they are. */
const ingredients: readonly string[] = [
  ...['src', 'heads', 'configs', 'docs', 'samples', 'scripts', 'web'],
  ...['package.json', 'tsconfig.json', 'tsconfig.build.json'],
  ...['README.md', 'CHANGELOG.md', 'LICENSE', 'THIRD_PARTY_NOTICES.md'],
];

/** Returns the path of the packed package. Builds it if something is newer. */
export function packed(): string {
  if (isCurrent(tarball)) return tarball;
  // another branch may have left files
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

/** Returns true if a built file is there, and nothing that goes into the package is newer. */
export function isCurrent(built: string): boolean {
  const made = changed(built);
  return made !== undefined && ingredients.every((path) => (changed(join(root, path)) ?? 0) < made);
}

/** Returns the time of the last change of a file, or of anything in a folder. Removing a file changes its folder. */
function changed(path: string): number | undefined {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found?.isDirectory()) return found?.mtimeMs;
  return Math.max(found.mtimeMs, ...readdirSync(path).map((name) => changed(join(path, name)) ?? 0));
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  const file = packed();
  console.log(`${file}: ${(statSync(file).size / 1e6).toFixed(1)} MB`);
}
