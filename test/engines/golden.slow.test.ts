import { casesIn, describeNetworks } from '../harness/golden/network_suite.ts';
import { goldenFolders } from '../harness/golden.ts';

/** Networks of full size against the numbers of the published code, where the whole set is there. */
describeNetworks(goldenFolders().map((folder) => ({ title: folder, folder, cases: casesIn(folder) })));
