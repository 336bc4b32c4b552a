import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as errors from '../src/errors.ts';
import { checkpointRemedies, imageRemedies } from '../src/formats/context.ts';
import { bytesSource, openCheckpoint } from '../src/formats/index.ts';
import { decodeImage } from '../src/platform/node/files.ts';
import { rejection } from './harness/rejection.ts';

const page = `\n${readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')}`;

/** Returns the rows of the table below a heading, without its head. */
function tableBelow(heading: string): string[][] {
  const lines = page
    .slice(page.indexOf(`\n${heading}\n`))
    .split('\n')
    .slice(2);
  const start = lines.findIndex((line) => line.startsWith('|'));
  const end = lines.findIndex((line, i) => i > start && !line.startsWith('|'));
  return lines.slice(start + 2, end).map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replaceAll('`', '')),
  );
}

/** Returns the comment of each code in a table of the source. */
function meaningsIn(table: string): string[] {
  const text = readFileSync(new URL('../src/formats/context.ts', import.meta.url), 'utf8');
  const start = text.indexOf(`export const ${table} = {`);
  const rows = text.slice(start, text.indexOf('} as const;', start));
  return [...rows.matchAll(/^ {2}\/\*\* (.+) \*\/\n {2}'?[a-z-]+'?:/gm)].flatMap(([, meaning]) => meaning ?? []);
}

describe('an unknown name', () => {
  const many = Array.from({ length: 74 }, (_, i) => `model_${i}`);

  it('is followed by the nearest one, then by all of a short list', () => {
    const text = errors.unknownName('backbone', 'mogant', ['swin', 'moganet']);
    expect(text).to.equal('unknown backbone "mogant". Did you mean "moganet"? Known: swin, moganet.');
  });

  it('is followed by the few nearest of a long list', () => {
    expect(errors.unknownName('model', 'modl_42', many)).to.match(
      /^unknown model "modl_42"\. Did you mean "model_42"\? Known: model_42, (model_\d+, ){6}model_\d+ and 66 more\.$/,
    );
  });

  it('has none near it if it is long', () => {
    expect(errors.nearestName('x'.repeat(1000), many)).to.equal(undefined);
  });
});

describe('the page of errors', () => {
  const readers = [
    ['### Images', imageRemedies, 'imageRemedies'],
    ['### Checkpoints', checkpointRemedies, 'checkpointRemedies'],
  ] as const;
  for (const [heading, remedies, table] of readers) {
    it(`lists the codes of ${table} with their meaning and remedy`, () => {
      const meanings = meaningsIn(table);
      const expected = Object.entries(remedies).map(([code, remedy], i) => [code, meanings[i], remedy]);
      expect(tableBelow(heading)).to.deep.equal(expected);
    });
  }

  it('names every class of errors', () => {
    const classes = Object.values(errors).filter(
      (value) => typeof value === 'function' && value.prototype instanceof errors.MoganetError,
    );
    const named = tableBelow('# Errors').map(([name]) => name);
    expect(named).to.have.members(classes.map(({ name }) => name));
  });
});

describe('a refusal', () => {
  const refusals = [
    {
      what: 'an image',
      thrown: () => rejection(decodeImage(Uint8Array.of(0xff, 0xd8, 0xff, 0xe1, 0, 1), { name: 'a.jpg' })),
      kind: errors.ImageError,
      facts: {
        code: 'malformed',
        file: 'a.jpg',
        place: 'JPEG marker 0xffe1 at byte 2',
        reason: 'it has the length 1; the least is 2',
        remedy: imageRemedies.malformed,
      },
    },
    {
      what: 'a checkpoint',
      thrown: () => rejection(openCheckpoint(bytesSource(new TextEncoder().encode('PK\x03\x04'), 'a.pth'))),
      kind: errors.CheckpointError,
      facts: {
        code: 'truncated',
        file: 'a.pth',
        place: 'offset 4',
        reason: 'the archive has no end record',
        remedy: checkpointRemedies.truncated,
      },
    },
  ];
  for (const { what, thrown, kind, facts } of refusals) {
    it(`of ${what} carries the parts of its message`, async () => {
      const error = await thrown();
      expect(error).to.be.instanceOf(kind);
      expect(errors.isRefusal(error)).to.equal(true);
      expect(error).to.include(facts);
      expect(error.message).to.equal(`${facts.file}, ${facts.place}: ${facts.reason}. ${facts.remedy}`);
    });
  }

  it('is told from other errors', () => {
    expect(errors.isRefusal(new errors.ImageError('an image is a path, a URL or bytes'))).to.equal(false);
    expect(errors.isRefusal(Object.assign(new Error(), { code: 'ENOENT' }))).to.equal(false);
  });
});
