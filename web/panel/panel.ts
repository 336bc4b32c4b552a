import { element } from '../stage/dom.ts';
import type { Stage } from '../stage/stage.ts';
import { createClassFilter } from './classes.ts';
import { createClassification } from './classification.ts';
import { createDownloads } from './downloads.ts';
import { createInstanceList } from './instances.ts';
import { createLayerControls } from './layer_controls.ts';
import { createSegmentationLegend } from './legend.ts';
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
    createDownloads(stage),
    createTimingsView(stage),
  ];
  root.classList.add('panel');
  root.hidden = true;
  root.append(...parts);
  stage.onResult((result) => {
    // while a new picture is computed, the panel stays where it is
    if (result) root.hidden = false;
    root.inert = result === undefined;
    if (result) objects.hidden = result.classes.length === 0;
  });
}
