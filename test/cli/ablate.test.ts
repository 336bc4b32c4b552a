import { expect } from 'chai';
import { moganet } from '../harness/command_line.ts';

describe('moganet ablate', () => {
  it('says on a terminal what takes a second', async () => {
    const { stderr } = await moganet(['ablate', '--json'], { tty: true });
    expect(stderr.replaceAll('\u001b', 'ESC')).to.match(/░ counting the networks\rESC\[K$/);
  });

  it('prints the ablation of MogaNet-XT at 224×224', async () => {
    const { code, stdout, stderr } = await moganet(['ablate']);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    expect(stdout).to.match(/: MogaNet-XT at 224×224, 1000 classes\.\n/);
    expect(stdout).to.match(/\n {2}\+ gating +2\.922 +\+0\.183 +0\.784 +\+0\.042\n/);
    expect(stdout).to.include('both: for MogaNet-S at 224, 256, 320\n');
  });

  it('gives the same as JSON, with the configuration of every network', async () => {
    const { code, stdout } = await moganet(['ablate', '--arch', 's', '--size', '192x256', '--json']);
    expect(code).to.equal(0);
    const { arch, size, spatial, channel, whole, statements } = JSON.parse(stdout);
    expect({ arch, size }).to.deep.equal({ arch: 's', size: { height: 192, width: 256 } });
    expect(spatial).to.have.length(4);
    expect(channel).to.have.length(12);
    expect(spatial[1].config).to.deep.include({ type: 'macro', channel: { weighing: 'none' } });
    expect(spatial[1].added.parameters).to.equal(spatial[1].parameters - spatial[0].parameters);
    expect(whole.parameters).to.equal(25335675);
    expect(statements[1].readings).to.have.length(2);
  });

  it('refuses other archs and sizes with exit code 2', async () => {
    const arch = await moganet(['ablate', '--arch', 'xs']);
    const size = await moganet(['ablate', '--size', 'large']);
    expect({ code: arch.code, stdout: arch.stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(arch.stderr).to.match(/--arch.*xt, t, s, b, l, xl/);
    expect(size.code).to.equal(2);
    expect(size.stderr).to.match(/--size.*height×width.*800x1280/);
  });

  it('has examples in its help', async () => {
    const { stdout } = await moganet(['ablate', '--help']);
    expect(stdout).to.match(/Examples:\n {2}moganet ablate/);
    expect(stdout).to.include('(default: 224)');
  });
});
