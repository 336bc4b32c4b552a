import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packed } from '../../scripts/pack.ts';

/** Installs the packed package as a user does, in a folder with nothing else but an image. */

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Installed {
  /** The user's folder. The package is in its `node_modules/moganet`. */
  readonly folder: string;
  readonly how: 'by npm' | 'by links';
}

/**
 * Installs by npm from npm's cache, without the network. If the cache lacks something, it installs by links to the
 * declared dependencies in this repository's `node_modules`.
 */
export function installPackage(): Installed {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-installed-'));
  chmodSync(folder, 0o755); // other users read it, too
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  cpSync(join(root, 'samples/images/street-house.jpg'), join(folder, 'photo.jpg'));
  const tarball = packed();
  // onnxruntime's install script fetches files for GPUs
  const words = ['install', tarball, '--offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, stderr } = spawnSync('npm', words, { cwd: folder, encoding: 'utf8', shell: onWindows });
  if (status === 0) return { folder, how: 'by npm' };
  if (!stderr.includes('ENOTCACHED')) throw new Error(`npm ${words.join(' ')}: ${stderr}`);
  link(tarball, join(folder, 'node_modules'));
  return { folder, how: 'by links' };
}

const onWindows = process.platform === 'win32';

function link(tarball: string, modules: string): void {
  const target = join(modules, 'moganet');
  mkdirSync(target, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1']);
  const { bin, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(target, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    const source = join(root, 'node_modules', name);
    // npm leaves optional peers to the user
    if (peerDependenciesMeta?.[name]?.optional || !existsSync(source)) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(source, join(modules, name), 'junction');
  }
  mkdirSync(join(modules, '.bin'));
  chmodSync(join(target, bin.moganet), 0o755);
  symlinkSync(join('../moganet', bin.moganet), join(modules, '.bin/moganet'));
}
