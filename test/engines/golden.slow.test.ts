import { casesIn, describeNetworks, largeSets } from '../harness/golden/network_suite.ts';
import { goldenFolders } from '../harness/golden.ts';

/**
 * Networks of full size against the numbers of the published code: the shipped ones, and the whole set if it exists.
 */
describeNetworks([
  ...largeSets,
  ...goldenFolders().map((folder) => ({ title: folder, folder, cases: casesIn(folder) })),
]);
