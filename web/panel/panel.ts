import { element } from '../elements.ts';
import type { Stage } from '../stage/stage.ts';
import { createClassFilter } from './classes.ts';
import { createClassification } from './classification.ts';
import { createDownloads } from './downloads.ts';
import { createInstanceList } from './instances.ts';
import { createLayerControls } from './layer_controls.ts';
import { createSegmentationLegend } from './legend.ts';
import { createPoseList } from './poses.ts';
import { createScoreSlider } from './score.ts';
import { createTimingsView } from './timings_view.ts';

/** Builds the panel beside the stage: filters, lists, layers, files and times of the result that the stage shows. */
export function createPanel(root: HTMLElement, stage: Stage): void {
  const objects = element('section', { class: 'objects', 'aria-labelledby': 'objects-title' });
  objects.append(
    element('h2', { id: 'objects-title' }, 'Objects'),
    createScoreSlider(stage),
    createClassFilter(stage),
    createInstanceList(stage),
  );
  const parts = [
    objects,
    createLayerControls(stage),
    createSegmentationLegend(stage),
    createClassification(stage),
    createPoseList(stage),
    createDownloads(stage),
    createTimingsView(stage),
  ];
  // until the first result the page shows a placeholder of about the same height, so that nothing jumps
  const place = root.querySelector('.place');
  root.append(...parts);
  stage.onResult((result) => {
    if (result) {
      place?.remove();
      root.classList.remove('waiting');
    }
    // while a new picture is computed, the panel stays where it is
    root.inert = result === undefined && !root.classList.contains('waiting');
    if (result) objects.hidden = result.classes.length === 0;
  });
}
