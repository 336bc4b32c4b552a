/**
 * What joins several runs of the network on one image to one result: windows, tiles and views. One module, which is loaded with the
 * first image that needs it: most pages run whole images only.
 */
export { mergeDetections, uncut } from './merge.ts';
export { meanLabels } from './view_labels.ts';
export { boxMerger, fromView, joinedCandidates, maskMerger, mergedProposals, toView } from './views.ts';
export { slidingWindows, windowLabelSlices, windowLabels, windowLogitRows, windowOf } from './windows.ts';
