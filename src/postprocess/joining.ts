/**
 * Makes label maps, and joins several runs of the network on one image to one result: windows, tiles and views. One module, which is
 * loaded with the first result that needs it: a detector that sees images whole does not.
 */
export { mergeDetections, uncut } from './merge.ts';
export { labelSlices, resizedLogitRows } from './segmentation.ts';
export { meanLabels } from './view_labels.ts';
export { boxMerger, fromView, joinedCandidates, maskMerger, mergedProposals, toView } from './views.ts';
export { slidingWindows, windowLabelSlices, windowLabels, windowLogitRows, windowOf } from './windows.ts';
