import { expect } from 'chai';
import type { Result } from 'moganet';
import { iouMatrix } from '../../src/postprocess/boxes.ts';
import type { ResultJson } from '../../src/results/json.ts';

type Found = { readonly label: number; readonly score: number; readonly box: readonly number[] };

/** Two engines add the same products in another order. */
const scoreTolerance = 1e-3;
const leastIou = 0.99;

/**
 * Expects every instance of either result in the other: same class, scores within 0.001, IoU ≥ 0.99. `seen` has the instances from the
 * score `least` on, `expected` more.
 */
export function expectSameInstances({ detection = [] }: ResultJson, expected: Result, least: number): void {
  const all = [...expected];
  const pair = (from: readonly Found[], to: readonly Found[]) => {
    for (const { label, score, box } of from) {
      const partner = to.some(
        (other) =>
          other.label === label &&
          Math.abs(other.score - score) <= scoreTolerance &&
          iouMatrix(Float32Array.from(box), Float32Array.from(other.box))[0]! >= leastIou,
      );
      expect(partner, `a partner of label ${label}, score ${score}, box ${box}`).to.equal(true);
    }
  };
  expect(detection.length, 'instances').to.be.above(5);
  pair(detection, all);
  // a partner of a lower score may be below the limit
  pair(
    all.filter(({ score }) => score >= least + scoreTolerance),
    detection,
  );
}
