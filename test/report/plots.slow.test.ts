import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** Asks for a plotter in a process where a package cannot be found, and returns the error's name and message. */
async function plotterWithout(missing: string): Promise<string> {
  const hook = `export const resolve = (name, context, next) => {
    if (name === ${JSON.stringify(missing)}) throw new Error('Cannot find package ' + name);
    return next(name, context);
  };`;
  const script = `
    import { register } from 'node:module';
    register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(hook)}`)});
    const { plotter } = await import('./src/report/plots.ts');
    await plotter().then(() => console.log('works'), (error) => console.log(error.name + ': ' + error.message));`;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', script],
    { cwd: root },
  );
  return stdout.trim();
}

describe('the packages of the plots', function () {
  this.timeout(60_000);

  for (const name of ['@observablehq/plot', 'linkedom']) {
    it(`is named with what to do if ${name} is not installed`, async () => {
      const said = await plotterWithout(name);
      expect(said).to.match(/^UnsupportedError: /);
      expect(said).to.include(`need ${name}`);
      expect(said).to.include('npm install @observablehq/plot linkedom');
    });
  }

  it('is imported when it is there', async () => {
    expect(await plotterWithout('another-package')).to.equal('works');
  });
});
