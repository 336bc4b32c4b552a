import type { Size } from '../../src/arrays.ts';
import { datasets } from '../../src/datasets/index.ts';
import {
  cropInstance,
  drawClassification,
  drawDetections,
  drawLegend,
  drawSegmentation,
  drawText,
  segmentationLegend,
  sideBySide,
} from '../../src/render/index.ts';
import { encodeMask, expectOverlay, landscape, plain } from './images.ts';

/** Images to look at. Each is kept as a file and must come out the same to the bit. */

const size = { width: 160, height: 120 };
const instances = { classes: datasets.facade_instances.classes, dataset: datasets.facade_instances };
const classes = { classes: datasets.facade_classes.classes, dataset: datasets.facade_classes };

function ellipse(box: readonly number[], image: Size) {
  const [x1, y1, x2, y2] = box as [number, number, number, number];
  const crop = { width: Math.ceil(x2) - Math.floor(x1), height: Math.ceil(y2) - Math.floor(y1) };
  const inside = (x: number, y: number) =>
    ((2 * x + 1) / crop.width - 1) ** 2 + ((2 * y + 1) / crop.height - 1) ** 2 < 0.9;
  return encodeMask(crop, inside, image, Math.floor(x1), Math.floor(y1));
}

function scene(withMasks: boolean) {
  const boxes = [
    [12.4, 34.2, 62.7, 74.9],
    [70.1, 40.6, 92.3, 66.2],
    [80.3, 36.4, 104.8, 62.5],
    [108.2, 2.4, 158.9, 58.1],
    [98.7, 76.3, 176.2, 112.8],
    [4.1, 92.6, 40.2, 124.3],
  ];
  return {
    boxes: Float32Array.from(boxes.flat()),
    scores: Float32Array.from([0.98, 0.93, 0.81, 0.74, 0.6, 0.37]),
    labels: Int32Array.from([0, 0, 0, 2, 3, 4]),
    ...instances,
    masks: withMasks ? boxes.map((box) => ellipse(box, size)) : undefined,
  };
}

function labelMap(): Uint8Array {
  return Uint8Array.from({ length: size.width * size.height }, (_, i) => {
    const x = i % size.width;
    const y = Math.floor(i / size.width);
    if (x > 150 && y > 110) return 255;
    if ((x - 120) ** 2 + (y - 74) ** 2 < 500) return 3;
    if (x > 20 && x < 60 && y > 44 && y < 70 && (x - 20) % 14 < 10) return 2;
    return y < 30 + 8 * Math.sin(x / 20) ? 0 : y < 88 ? 1 : 4;
  });
}

describe('overlay images', () => {
  const image = landscape(size);
  const labels = labelMap();
  const segmentation = drawSegmentation(image, labels, classes);

  it('boxes with labels', () => expectOverlay('boxes', drawDetections(image, scene(false))));

  it('masks, contours, boxes and labels', () => expectOverlay('masks', drawDetections(image, scene(true))));

  it('instances in separate colours, thick lines, translucent plates', () =>
    expectOverlay(
      'instances',
      drawDetections(image, scene(true), {
        colorBy: 'instance',
        lineWidth: 2,
        contourWidth: 3,
        boxOpacity: 0.6,
        labelOpacity: 0.7,
      }),
    ));

  it('a segmentation map with its legend below', () =>
    expectOverlay('segmentation_below', drawLegend(segmentation, segmentationLegend(labels, classes))));

  it('a segmentation map with its legend beside it, on dark', () =>
    expectOverlay(
      'segmentation_beside',
      drawLegend(segmentation, segmentationLegend(labels, classes), {
        position: 'beside',
        background: [30, 32, 38],
      }),
    ));

  it('the likeliest classes in a list', () => {
    const classification = {
      labels: [1, 3, 0, 2],
      scores: [0.62, 0.31, 0.05, 0.0002],
      classes: ['sky', 'Dandie Dinmont terrier', 'street', 'palace'],
    };
    expectOverlay('classification', drawClassification(image, classification));
  });

  it('images side by side with captions', () => {
    const detections = scene(true);
    const crop = cropInstance(image, detections.boxes.subarray(0, 4), detections.masks?.[0]);
    const panels = [
      { raster: drawDetections(image, detections, { labels: false }), caption: 'instances' },
      { raster: crop, caption: 'window' },
    ];
    expectOverlay('side_by_side', sideBySide(panels));
  });

  it('text of several sizes', () => {
    const lines = [9, 10, 11, 12, 14, 17];
    const drawn = lines.reduce(
      (raster, lineSize, i) =>
        drawText(raster, `${lineSize} Häuser, AVto 0.93 ☃`, { x: 3.3, y: 14 + i * 17, size: lineSize }),
      plain({ width: 240, height: 112 }, [255, 255, 255]),
    );
    expectOverlay('text', drawn);
  });
});
