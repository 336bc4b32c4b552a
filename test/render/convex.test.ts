import { expect } from 'chai';
import { canvasFrom } from '../../src/render/canvas.ts';
import { type Point, paintConvex } from '../../src/render/convex.ts';
import { drawPoses } from '../../src/render/poses.ts';
import { plain } from './images.ts';

/** Numbers from 0 to 1, the same in every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 16807) % 2147483647;
    return state / 2147483647;
  };
}

/** The share of each pixel that lies in a triangle, by 16 × 16 samples. */
function sampled(corners: readonly Point[], width: number, height: number): number[] {
  const edges = corners.map(({ x, y }, i) => {
    const next = corners[(i + 1) % corners.length]!;
    return [x, y, next.x - x, next.y - y] as const;
  });
  const isInside = (x: number, y: number) => {
    let [left, right] = [0, 0]; // edges that the sample is on that side of
    for (const [x0, y0, dx, dy] of edges) {
      const side = dx * (y - y0) - dy * (x - x0);
      if (side >= 0) left++;
      if (side <= 0) right++;
    }
    return left === edges.length || right === edges.length;
  };
  return Array.from({ length: width * height }, (_, i) => {
    let hits = 0;
    for (let k = 0; k < 256; k++) {
      const x = (i % width) + ((k % 16) + 0.5) / 16;
      if (isInside(x, Math.floor(i / width) + (Math.floor(k / 16) + 0.5) / 16)) hits++;
    }
    return hits / 256;
  });
}

function painted(corners: readonly Point[], width: number, height: number): number[] {
  const canvas = canvasFrom(plain({ width, height }, [0, 0, 0]));
  paintConvex(canvas, corners, [255, 255, 255], 255);
  return Array.from({ length: width * height }, (_, i) => canvas.data[4 * i]! / 255);
}

describe('convex shapes', () => {
  it('cover what they cover, wherever the canvas and the bands of rows cut them', () => {
    const random = seeded(7);
    const [width, height] = [24, 75];
    for (let n = 0; n < 40; n++) {
      const spread = n % 2 === 0 ? 1 : 3; // inside the canvas, or reaching beyond it
      const corners = Array.from({ length: 3 }, () => ({
        x: width / 2 + (random() - 0.5) * width * spread,
        y: height / 2 + (random() - 0.5) * height * spread,
      }));
      const [found, expected] = [painted(corners, width, height), sampled(corners, width, height)];
      const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)));
      expect(worst, JSON.stringify(corners)).to.be.below(0.07); // of 256 samples, 16 lie along an edge
    }
  });

  it('take no more than what is seen of them, however large they are', () => {
    const huge = [-1, 1].flatMap((x) => [-1, 1].map((y) => ({ x: x * 1e9, y: x * y * 1e9 })));
    expect(painted(huge, 9, 70).every((value) => value === 1)).to.equal(true);
    const aside = huge.map(({ x, y }) => ({ x: x + 2e9, y }));
    expect(painted(aside, 9, 70).every((value) => value === 0)).to.equal(true);
    expect(painted([], 3, 3)).to.deep.equal(Array(9).fill(0));
  });

  it('so that a pose is drawn with any width and radius', () => {
    const image = plain({ width: 40, height: 40 }, [0, 0, 0]);
    const pose = {
      points: Float32Array.of(5, 5, 30, 30),
      pointScores: Float32Array.of(1, 1),
      keypoints: { names: ['a', 'b'], skeleton: [[0, 1]], flipPairs: [] },
    } as const;
    const disc = drawPoses(image, pose, { pointRadius: 9e5 });
    expect(disc.data.every((value, i) => value === [255, 153, 51, 255][i % 4])).to.equal(true);
    const line = drawPoses(image, pose, { lineWidth: 9e5, pointRadius: 0 });
    const at = (x: number, y: number) => line.data[4 * (40 * y + x)];
    // a band at right angles to the line, between its ends
    expect([at(39, 0), at(17, 17), at(0, 35), at(2, 2), at(36, 36)]).to.deep.equal([255, 255, 255, 0, 0]);
  });
});
