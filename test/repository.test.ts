import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

/** What must hold of every file that is checked in, whatever is in it. */

const root = fileURLToPath(new URL('..', import.meta.url));

const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

describe('the repository', () => {
  let files: readonly string[];

  before(function () {
    try {
      const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', stdio: 'pipe' });
      files = listed.split('\0').filter((file) => file && existsSync(join(root, file)));
    } catch {
      console.log('      skipped: this is no git work tree, so that nothing tells what belongs to it');
      this.skip();
    }
  });

  it('names neither a folder of the machine it was made on nor a host that packages come from', () => {
    expect(forbidden.test(['', 'root', 'project'].join('/'))).to.equal(true);
    expect(forbidden.test(`https://${['registry', 'npmjs', 'org'].join('.')}/`)).to.equal(true);
    expect(forbidden.test('https://example.com/work/x, ./home/x, paperwork/x')).to.equal(false);
    const found = files.flatMap((file) => {
      const [place] = forbidden.exec(readFileSync(join(root, file), 'latin1')) ?? [];
      return place ? [`${file}: ${place}`] : [];
    });
    expect(found).to.deep.equal([]);
  });

  it('locks versions and hashes of its dependencies, not where they came from', () => {
    const { packages } = JSON.parse(textOf('package-lock.json')) as {
      packages: Readonly<Record<string, { readonly resolved?: string; readonly integrity?: string; link?: boolean }>>;
    };
    const entries = Object.entries(packages).filter(([path]) => path !== '');
    expect(entries).to.have.length.above(50);
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).to.deep.equal([]);
    expect(entries.filter(([, { integrity }]) => integrity === undefined)).to.deep.equal([]);
  });

  it('has no link in its papers to what is not there', () => {
    const papers = files.filter((file) => file.endsWith('.md'));
    expect(papers).to.include.members(['README.md', 'CHANGELOG.md', 'THIRD_PARTY_NOTICES.md']);
    expect(papers.flatMap((paper) => brokenLinks(paper, textOf(paper)))).to.deep.equal([]);
  });

  it('would notice one', () => {
    const text =
      '# One thing\n[a](#one-thing) [b](#two) [c](test/none.md) ![d](LICENSE) [e](README.md#nowhere) `[f](g)`';
    expect(brokenLinks('README.md', text)).to.deep.equal([
      'README.md: there is no heading #two',
      'README.md: there is no test/none.md',
      'README.md: README.md has no heading #nowhere',
    ]);
  });

  it('names in README no script that package.json lacks', () => {
    const { scripts } = JSON.parse(textOf('package.json')) as { scripts: Readonly<Record<string, string>> };
    const named = [...textOf('README.md').matchAll(/npm run ([a-z][\w:]*)/g)].map(([, name]) => name!);
    expect(named).to.include('demo');
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

/** Relative links and anchors of a Markdown text, outside of code, that lead nowhere. */
function brokenLinks(paper: string, text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/.test(link!)) return []; // another site's
    const [path = '', anchor] = link!.split('#');
    const target = path ? join(dirname(paper), decodeURI(path)) : paper;
    if (path && !existsSync(join(root, target))) return [`${paper}: there is no ${path}`];
    if (!anchor || statSync(join(root, target)).isDirectory()) return [];
    const headings = [...(path ? textOf(target) : text).matchAll(/^#+ (.*)$/gm)].map(([, title]) => anchorOf(title!));
    if (headings.includes(anchor)) return [];
    return [path ? `${paper}: ${path} has no heading #${anchor}` : `${paper}: there is no heading #${anchor}`];
  });
}

/** As GitHub makes it of a heading. */
const anchorOf = (title: string): string =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
