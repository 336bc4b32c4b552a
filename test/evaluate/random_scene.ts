import type { CocoAnnotation, CocoDetection, CocoFile } from '../../src/data/coco_file.ts';
import { randomFrom } from '../../src/evaluate/random.ts';

/** Made-up objects in a few images, and detections near them. Scores have one decimal, so that many are equal. */
export function randomScene(seed: number, images = 6, classes = 3) {
  const draw = randomFrom(seed);
  const annotations: CocoAnnotation[] = [];
  const truth = (): CocoFile => ({
    images: Array.from({ length: images }, (_, i) => ({ id: 10 * i + 3, height: 100, width: 100 })),
    categories: Array.from({ length: classes }, (_, k) => ({ id: 2 * k + 1, name: `class ${k}` })),
    annotations,
  });
  for (let id = 1; id <= 4 * images; id++) {
    const bbox = [draw(60), draw(60), 5 + draw(60), 5 + draw(60)] as const;
    annotations.push({
      id,
      image_id: 10 * draw(images) + 3,
      category_id: 2 * draw(classes) + 1,
      bbox,
      area: bbox[2] * bbox[3],
      iscrowd: draw(10) === 0 ? 1 : 0,
    });
  }
  const detections = (): CocoDetection[] =>
    Array.from({ length: 9 * images }, () => {
      const { image_id, category_id, bbox } = annotations[draw(annotations.length)]!;
      const [x, y, width, height] = bbox!;
      return {
        image_id,
        category_id: draw(8) === 0 ? 2 * draw(classes) + 1 : category_id,
        bbox: [x + draw(8), y + draw(8), width + draw(9), height + draw(9)],
        score: draw(11) / 10,
      };
    });
  return { truth: truth(), detections };
}
