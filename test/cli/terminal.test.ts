import { expect } from 'chai';
import { harmless } from '../../src/cli/terminal.ts';

describe('texts on a terminal', () => {
  it('have no control characters of file names, but lines and colours', () => {
    expect(harmless('\u001b[31ma.jpg\u001b[39m\n\tb.jpg: 雪 é')).to.equal('\u001b[31ma.jpg\u001b[39m\n\tb.jpg: 雪 é');
    expect(harmless('a\u001b[2J\u001b]0;title\u0007\r\u009bb\0.jpg')).to.equal('a�[2J�]0;title���b�.jpg');
  });
});
