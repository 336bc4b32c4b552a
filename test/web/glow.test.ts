import { expect } from 'chai';
import { createGlow } from '../../web/stage/glow.ts';

const scene = {};

describe('the light on an instance', () => {
  it('comes in some frames and goes again, still on the instance it was on', () => {
    const glow = createGlow(() => false);
    const seen = [0, 16, 33, 50, 66, 83, 100, 120, 140].map((now) => glow.at(now, { lit: 4 }, scene));
    const strengths = seen.map(({ strength }) => strength);
    expect(strengths).to.deep.equal([...strengths].sort((a, b) => a - b));
    expect(strengths[0]).to.be.within(0.1, 0.2);
    expect(seen.at(-1)).to.deep.include({ strength: 1, isMoving: false });
    expect(glow.at(500, { lit: 5 }, scene), 'to another one at once').to.deep.include({ strength: 1, isMoving: false });
    const fading = glow.at(600, {}, scene);
    expect(fading.strength).to.be.within(0.8, 0.9);
    expect(fading).to.deep.include({ light: { lit: 5, litClass: undefined, selected: undefined }, isMoving: true });
    for (let now = 616; now < 800; now += 16) glow.at(now, {}, scene);
    expect(glow.at(800, {}, scene)).to.deep.include({ strength: 0, isMoving: false });
  });

  it('is there at once for those who asked for less motion, and gone with another result', () => {
    const glow = createGlow(() => true);
    expect(glow.at(0, { litClass: 2 }, scene)).to.deep.include({ strength: 1, isMoving: false });
    expect(glow.at(10, {}, {})).to.deep.include({ strength: 0, isMoving: false });
  });

  it('is on nothing at first', () => {
    expect(createGlow(() => false).at(0, {}, scene)).to.deep.include({ strength: 0, isMoving: false });
  });
});
