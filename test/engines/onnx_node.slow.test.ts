import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadOnnxRuntime } from '../../src/engines/node.ts';

describe('onnxruntime in Node', () => {
  it('leaves no record of its use in the home folder', async function () {
    if (!(await loadOnnxRuntime()).ort) return this.skip(); // where npm left the optional package out
    const home = mkdtempSync(join(tmpdir(), 'moganet-home-'));
    const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, ...env } = process.env;
    const verify = ['--import=tsx', 'src/cli/main.ts', 'verify', '--engine', 'onnxruntime', '--json'];
    const { status } = spawnSync(process.execPath, verify, { env: { ...env, HOME: home } });
    const kept = existsSync(join(home, '.cache'));
    rmSync(home, { recursive: true });
    expect({ status, kept }).to.deep.equal({ status: 0, kept: false });
  });
});
