import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { healthCodes } from '../../src/data/health_codes.ts';

describe('docs/check_data.md', () => {
  it('has the rule and the remedy of every code, in the order of the code', () => {
    const text = readFileSync(new URL('../../docs/check_data.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => /^\| `[a-z_]+` \|/.test(line));
    const expected = Object.entries(healthCodes).map(
      ([code, { severity, rule, remedy }]) => `| \`${code}\` | ${severity} | ${rule} | ${remedy} |`,
    );
    expect(rows).to.deep.equal(expected);
  });
});
