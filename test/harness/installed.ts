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

/** The packed package as a user has it: installed in a folder that holds nothing else but a photo. */

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Installed {
  /** Where a user works; the package is below it, in `node_modules/moganet`. */
  readonly folder: string;
  readonly how: 'by npm' | 'by links';
}

/**
 * Installs it by npm from npm's cache, without the network. Where the cache lacks something: by links to what this
 * repository has installed, and to nothing that the package does not declare.
 */
export function installPackage(): Installed {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-installed-'));
  chmodSync(folder, 0o755); // other users look into it, too
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
  const own = join(modules, 'moganet');
  mkdirSync(own, { recursive: true });
  execFileSync('tar', ['-xzf', tarball, '-C', own, '--strip-components=1']);
  const { bin, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = JSON.parse(
    readFileSync(join(own, 'package.json'), 'utf8'),
  );
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) {
    const target = join(root, 'node_modules', name);
    // as npm does, what is optional among peers is left to the user
    if (peerDependenciesMeta[name]?.optional || !existsSync(target)) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(target, join(modules, name), 'junction');
  }
  mkdirSync(join(modules, '.bin'));
  chmodSync(join(own, bin.moganet), 0o755);
  symlinkSync(join('../moganet', bin.moganet), join(modules, '.bin/moganet'));
}
