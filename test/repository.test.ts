import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

/** Checks of every file in the repository. */

const root = fileURLToPath(new URL('..', import.meta.url));

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the repository', () => {
  let files: readonly string[];

  before(function () {
    try {
      const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
      files = listed.split('\0').filter((file) => file && existsSync(join(root, file)));
    } catch {
      console.log('      skipped: not a git work tree, so the files of the repository are unknown');
      this.skip();
    }
  });

  it('names neither a folder of the machine nor a host of packages', () => {
    expect(forbidden.test(['', 'root', 'project'].join('/'))).to.equal(true);
    expect(forbidden.test(`https://${['registry', 'npmjs', 'org'].join('.')}/`)).to.equal(true);
    expect(forbidden.test('https://example.com/work/x, ./home/x, paperwork/x')).to.equal(false);
    const found = files.flatMap((file) => {
      const [found] = forbidden.exec(readFileSync(join(root, file), 'latin1')) ?? [];
      return found ? [`${file}: ${found}`] : [];
    });
    expect(found).to.deep.equal([]);
  });

  it('locks versions and hashes of its dependencies, but not their hosts', () => {
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string; link?: boolean }>>;
    };
    const entries = Object.entries(packages).filter(([path]) => path !== '');
    expect(entries).to.have.length.above(50);
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).to.deep.equal([]);
    expect(entries.filter(([, { integrity }]) => integrity === undefined)).to.deep.equal([]);
  });

  it('has no broken link in its documents', () => {
    const documents = files.filter((file) => file.endsWith('.md'));
    expect(documents).to.include.members(['README.md', 'CHANGELOG.md', 'THIRD_PARTY_NOTICES.md']);
    expect(documents.flatMap((file) => brokenLinks(file, textOf(file)))).to.deep.equal([]);
  });

  it('finds broken links', () => {
    const text =
      '# One thing\n[a](#one-thing) [b](#two) [c](test/none.md) ![d](LICENSE) [e](README.md#nowhere) `[f](g)`';
    expect(brokenLinks('README.md', text)).to.deep.equal([
      'README.md: heading #two of README.md',
      'README.md: test/none.md',
      'README.md: heading #nowhere of README.md',
    ]);
  });

  it('has every file that documents and comments name', () => {
    const named = files
      .filter((file) => /\.(md|ts)$/.test(file) && !file.startsWith('test/') && file !== 'CHANGELOG.md')
      .flatMap((file) => [...textOf(file).matchAll(filePath)].map(([path]) => ({ file, path })))
      .filter(({ path }) => !path.includes('NAME')); // stands for any
    expect(named).to.have.length.above(50);
    expect(named.filter(({ path }) => !existsSync(join(root, path)))).to.deep.equal([]);
  });

  it('has every script that README names', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Readonly<Record<string, string>> };
    const named = [...textOf('README.md').matchAll(/npm run ([a-z]\w*(?::\w+)*)/g)].map(([, name = '']) => name);
    expect(named).to.include.members(['demo', 'bench']);
    expect(named.filter((name) => !(name in scripts))).to.deep.equal([]);
  });
});

/** Folders of a machine, and hosts of registries. */
const forbidden = new RegExp(
  [
    ...['work', 'root', 'home'].map((name) => `(?<![\\w.~/-])/${name}/\\w`),
    ...['registry\\.npmjs', 'registry\\.yarnpkg', 'files\\.pythonhosted', 'artifactory'].map((host) => `${host}\\.\\w`),
  ].join('|'),
);

/** A source or document from the root of the repository. */
const filePath =
  /(?<![\w./@-])(?:src|test|scripts|bench|assembly|docs|configs|heads|samples|web)\/[\w/.-]+\.(?:ts|md)\b/g;

/** Returns the broken relative links and anchors of a Markdown text, code apart. */
function brokenLinks(file: string, text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^[a-z]+:/.test(link)) return []; // another site
    const [path = '', anchor] = link.split('#');
    const target = path ? join(dirname(file), decodeURI(path)) : file;
    if (path && !existsSync(join(root, target))) return [`${file}: ${path}`];
    if (!anchor || statSync(join(root, target)).isDirectory()) return [];
    const headings = [...(path ? textOf(target) : text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      anchorOf(title),
    );
    return headings.includes(anchor) ? [] : [`${file}: heading #${anchor} of ${target}`];
  });
}

/** Returns the anchor that GitHub gives a heading. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
