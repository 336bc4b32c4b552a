/** The comparison and the ablation of the MogaNet article (arXiv 2211.03295), counted on the graphs of this package. */

export {
  type Ablation,
  type AblationRow,
  type ArchName,
  ablation,
  ablationText,
  articleStatements,
  type Count,
  type Finding,
  type Statement,
} from './ablation.ts';
export { type Compared, comparison, comparisonText } from './comparison.ts';
