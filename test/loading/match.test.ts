import { expect } from 'chai';
import type { Shape } from '../../src/arrays.ts';
import { CheckpointError } from '../../src/errors.ts';
import { matchEntry } from '../../src/loading/recognise.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { entries, findEntry, type ZooEntry } from '../../src/zoo/index.ts';

const shapesOf = ({ config }: ZooEntry): Map<string, Shape> =>
  new Map(checkpointParameters(createModel(config)).map(({ key, shape }) => [key, shape]));

describe('weights that fit several entries', () => {
  const t = findEntry('moganet_t');
  const shapes = shapesOf(t);
  const { variantOf: _, ...twice } = findEntry('moganet_t_256_openmixup');

  it('are refused with the choices if none of these is the default', () => {
    expect(() => matchEntry(shapes, 'latest.pth', {}, [t, twice])).to.throw(
      CheckpointError,
      /latest\.pth: .*\n {2}--model moganet_t --weights latest\.pth\n {2}--model moganet_t_256_openmixup --weights latest\.pth$/,
    );
  });

  it('go to the model with the file’s name all the same', () => {
    const hints = { names: ['nothing', 'moganet_t_256_openmixup.safetensors'] };
    expect(matchEntry(shapes, 'latest.pth', hints, [t, twice]).entry).to.equal(twice);
  });

  it('differ by preprocessing as well as by network', () => {
    const config = { ...t.config, image: { channelOrder: 'bgr' as const } };
    const blueFirst: ZooEntry = { name: 'blue_first', config };
    expect(() => matchEntry(shapes, 'latest.pth', {}, [t, blueFirst])).to.throw(CheckpointError, '--model blue_first');
    const variant = { ...blueFirst, variantOf: 'moganet_t' };
    expect(matchEntry(shapes, 'latest.pth', {}, [variant, t])).to.deep.equal({ entry: t, others: [variant] });
  });

  it('may differ by the size of their images: the default is taken and the other named', () => {
    const larger = findEntry('moganet_t_256');
    expect(matchEntry(shapes, 'latest.pth', {}, [t, larger])).to.deep.equal({ entry: t, others: [larger] });
    expect(matchEntry(shapes, 'latest.pth', { size: 256 }, [t, larger])).to.deep.equal({ entry: larger, others: [] });
    expect(matchEntry(shapes, 'latest.pth', { size: 320 }, [t, larger]).entry).to.equal(t);
  });

  it('have one default among all published models, so that every published file opens', () => {
    const byKeys = new Map<string, ZooEntry[]>();
    for (const entry of entries) {
      const keys = JSON.stringify([...shapesOf(entry)].sort());
      byKeys.set(keys, [...(byKeys.get(keys) ?? []), entry]);
    }
    let several = 0;
    for (const group of byKeys.values()) {
      const [first, ...others] = group;
      if (!first || others.length === 0) continue;
      several++;
      const { entry } = matchEntry(shapesOf(first), 'latest.pth', {}, group);
      expect(entry.variantOf).to.equal(undefined);
    }
    expect(several).to.be.greaterThan(5);
  });

  it('name known entries as their defaults', () => {
    for (const { variantOf } of entries) if (variantOf) expect(findEntry(variantOf).name).to.equal(variantOf);
  });
});
