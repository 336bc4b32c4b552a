import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moganet, useFolder } from '../harness/command_line.ts';
import { evalSplit, expectedFigures } from '../harness/eval_split.ts';

const results = join(evalSplit, 'results.json');

describe('moganet evaluate with a file of results', () => {
  const folder = useFolder();

  it("prints COCO's figures, to the bit", async () => {
    const { code, stdout, stderr } = await moganet(['evaluate', '--data', evalSplit, '--results', results, '--json']);
    const document = JSON.parse(stdout);
    expect(code, stderr).to.equal(0);
    expect(document.bbox.stats).to.deep.equal(expectedFigures.results.bbox);
    expect(document.segm.stats).to.deep.equal(expectedFigures.results.segm);
    expect(document).to.include({ images: 4, size: 480 });
    expect(document.not_measured).to.deep.equal([{ what: 'semseg', why: `${results} has no label maps.` }]);
    expect(document.per_image).to.have.length(4);
  });

  it('prints tables and says that a limit was set', async () => {
    const { code, stdout } = await moganet(['evaluate', '-d', evalSplit, '--results', results, '--limit', '2']);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^2 images of .*only the first 2 of 4 \(--limit\)/);
    expect(stdout).to.include('Boxes').and.to.include('Masks');
    expect(stdout).to.match(/\n {2}door +– +– /);
  });

  it('says which images have no result, and refuses those that the data set does not have', async () => {
    const entries = JSON.parse(readFileSync(results, 'utf8')) as { image_id: number }[];
    const some = join(folder, 'some.json');
    writeFileSync(some, JSON.stringify(entries.filter(({ image_id: id }) => id !== 42)));
    const { code, stderr } = await moganet(['evaluate', '-d', evalSplit, '--results', some]);
    expect(code).to.equal(0);
    expect(stderr).to.include('1 of 4 images').and.to.include('images/b.jpg');
    const wrong = join(folder, 'wrong.json');
    writeFileSync(wrong, JSON.stringify([{ ...entries[0], image_id: 4711 }]));
    const refused = await moganet(['evaluate', '-d', evalSplit, '--results', wrong, '--json']);
    expect(refused).to.include({ code: 1, stdout: '' });
    expect(refused.stderr).to.include('wrong.json').and.to.include('4711');
  });

  it('says at once that a report cannot be written', async () => {
    const words = ['evaluate', '-d', evalSplit, '--results', results, '--overwrite'];
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const [path, fact] of [
      [folder, 'this is a folder'],
      [join(file, 'r.html'), 'is a file'],
    ] as const) {
      const { code, stdout, stderr } = await moganet([...words, '--report', path]);
      expect({ code, stdout }, stderr).to.deep.equal({ code: 1, stdout: '' });
      expect(stderr).to.include(path.slice(0, file.length)).and.to.include(fact).and.to.include('--report');
    }
  });

  it('shows on a terminal what it does, up to the drawing of the report', async () => {
    const report = join(folder, 'shown.html');
    const words = ['evaluate', '-d', evalSplit, '--results', results, '--report', report, '--shown', '1'];
    const { code, stderr } = await moganet(words, { tty: true });
    expect(code).to.equal(0);
    const shown = stderr.split('\r\u001b[K').map((line) => line.replace(/^[█░]+ /, ''));
    expect(shown[1]).to.match(/^1 of 4 {2}images\/b\.jpg$/);
    expect(shown[4]).to.match(/^4 of 4 {2}[\d.]+ images\/s, 0 s left {2}images\/c\.jpg$/);
    expect(shown.slice(-2)).to.deep.equal([`drawing ${report}`, `${report}: the report\n`]);
  });

  it('keeps a report that exists', async () => {
    const report = join(folder, 'report.html');
    writeFileSync(report, 'mine');
    const kept = await moganet(['evaluate', '-d', evalSplit, '--results', results, '--report', report]);
    expect(kept.code).to.equal(1);
    expect(kept.stderr).to.include('report.html').and.to.include('--overwrite');
    expect(readFileSync(report, 'utf8')).to.equal('mine');
  });

  for (const [what, words, facts] of [
    ['a data set that is not there', ['-d', 'nowhere', '--results', results], ['nowhere', '--data']],
    ['no data set', ['--results', results], ['--data']],
    ['results that are not there', ['-d', evalSplit, '--results', 'nowhere.json'], ['nowhere.json']],
    ['results beside a model', ['-d', evalSplit, '--results', results, '--model', 'facade'], ['--results', '--model']],
    ['boxes beside results', ['-d', evalSplit, '--results', results, '--boxes', results], ['--results', '--boxes']],
    ...[
      '--size=small',
      '--no-flip',
      '--flip',
      '--threads=1',
      '--engine=auto',
      '--tiles=640',
      '--ignore=a',
      '--pull',
    ].map((option): [string, string[], string[]] => [
      `${option} beside results`,
      ['-d', evalSplit, '--results', results, option],
      ['--results', `so ${option.replace(/=.*/, '')} cannot be used`],
    ]),
    ['two sources of boxes', ['-d', evalSplit, '--boxes', results, '--detector', 'facade'], ['--boxes', '--detector']],
    ['a class of no detector', ['-d', evalSplit, '--detector-class', 'cat'], ['--detector-class needs --detector']],
    ['a score of no box', ['-d', evalSplit, '--detector-score', '0.5'], ['--detector-score needs', '--boxes']],
    ['a detector before another detector', ['-d', evalSplit, '--detector', 'facade'], ['finds no poses', '--detector']],
    ['a sigma of 0', ['-d', evalSplit, '--results', results, '--sigmas', '0.1,0'], ['--sigmas', 'above 0']],
    ['a folder of results', ['-d', evalSplit, '--results', evalSplit], ['this is a folder']],
    ['an empty name of results', ['-d', evalSplit, '--results', ''], ['empty --results', 'shell variable']],
    ['an empty report', ['-d', evalSplit, '--results', results, '--report', ''], ['--report', 'shell variable']],
    ['a report that is no page', ['-d', evalSplit, '--results', results, '--report', 'r.pdf'], ['r.pdf', '.html']],
    ['a limit of 0', ['-d', evalSplit, '--results', results, '--limit', '0'], ['--limit', '1 or more']],
    ['an unknown model', ['-d', evalSplit, '--model', 'facad'], ['facade']],
  ] as const) {
    it(`refuses ${what} as a wrong call`, async () => {
      const { code, stdout, stderr } = await moganet(['evaluate', ...words]);
      expect(code, stderr).to.equal(2);
      expect(stdout).to.equal('');
      for (const fact of facts) expect(stderr).to.include(fact);
    });
  }
});

describe('moganet compare', () => {
  const folder = useFolder();
  const fewer = join(folder, 'fewer.json');

  before(() => {
    const entries = JSON.parse(readFileSync(results, 'utf8')) as unknown[];
    writeFileSync(fewer, JSON.stringify(entries.filter((_, i) => i % 3 > 0)));
  });

  const compare = (...words: string[]) =>
    moganet(['compare', results, fewer, '-d', evalSplit, '--resamples', '50', ...words]);

  it('prints both figures, the difference with its interval, and the images that changed', async () => {
    const { code, stdout, stderr } = await compare('--json');
    expect(code, stderr).to.equal(0);
    const document = JSON.parse(stdout);
    expect(document).to.include({ type: 'bbox', a: results, b: fewer, resamples: 50, seed: 0, confidence: 0.95 });
    const [ap] = document.figures;
    expect(ap).to.include({ name: 'AP', a: expectedFigures.results.bbox[0] });
    expect(ap.difference).to.equal(ap.b - ap.a);
    expect(ap.lower).to.be.at.most(ap.upper);
    expect(document.per_class.map(({ name }: { name: string }) => name)).to.deep.equal([
      'car',
      'door',
      'window',
      'balcony-fence',
    ]);
    const changes = document.images.map(({ change }: { change: number }) => Math.abs(change));
    expect(changes).to.deep.equal([...changes].sort((x, y) => y - x));
    expect((await compare('--json')).stdout).to.equal(stdout);
    expect(JSON.parse((await compare('--json', '--seed', '1')).stdout).figures).not.to.deep.equal(document.figures);
  });

  it('compares masks as a table', async () => {
    const { code, stdout } = await compare('--type', 'segm');
    expect(code).to.equal(0);
    expect(stdout).to.include('masks of 4 images').and.to.include('window').and.to.include('images/b.jpg');
  });

  it('draws its progress a hundred times, whatever the number of draws', async () => {
    const { code, stderr } = await moganet(
      ['compare', results, fewer, '-d', evalSplit, '--resamples', '777', '--type', 'segm'],
      { tty: true },
    );
    expect(code).to.equal(0);
    const shown = stderr.match(/\d+ of 777 resamples/g) ?? [];
    expect(shown).to.have.length.within(90, 101);
    expect(shown.at(-1)).to.equal('776 of 777 resamples');
  });

  it('refuses options of a model, if both are files of results', async () => {
    const sized = await compare('--size', 'small');
    expect(sized).to.include({ code: 2, stdout: '' });
    expect(sized.stderr).to.match(/^error: .* are files of results, .* so --size cannot be used\. Leave it out\.\n$/);
  });

  it('refuses keypoints that neither has, and what is neither results nor a model', async () => {
    const points = await compare('--type', 'keypoints');
    expect(points.code).to.equal(2);
    expect(points.stderr).to.include('keypoints').and.to.include('bbox, segm');
    const unknown = await moganet(['compare', results, 'facad', '-d', evalSplit]);
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.include('facade');
  });
});

describe('moganet evaluate with other data', () => {
  const folder = useFolder();

  it('takes the annotation file for its folder', async () => {
    const copy = join(folder, 'copy');
    cpSync(evalSplit, copy, { recursive: true });
    expect(existsSync(join(copy, 'instances.json'))).to.equal(true);
    const { code, stdout } = await moganet([
      'evaluate',
      '-d',
      join(copy, 'instances.json'),
      '--results',
      results,
      '--json',
    ]);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout).bbox.stats).to.deep.equal(expectedFigures.results.bbox);
  });
});
