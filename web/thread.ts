import { withAssets } from 'moganet/ort';
import { serve } from 'moganet/worker/serve';
import { orderOf, runComparison } from './comparison.ts';

/** The script of both workers, that of the models and that of the comparison, so that they share the files that the browser has. */

const order = orderOf(self.name);
if (order) void runComparison(order);
else serve(withAssets);
